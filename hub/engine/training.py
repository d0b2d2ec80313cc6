"""The interface of the trainer for callbacks."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from hub.contract import Evaluation
from hub.contract.dataset import Dataset
from hub.engine.distributed import World
from hub.engine.objective import Objective
from hub.engine.run import Run
from hub.engine.state import TrainingState
from hub.model import Model


class Training(Protocol):
    """The part of `hub.Trainer` that callbacks may read, set and call.

    Attributes:
        model: in training.
        eval_model: what is evaluated and exported; a callback may put another model here.
        objective: the model with the weights of its losses.
        optimizer: may be read; the learning rate is set by the schedule.
        train_data, val_data: datasets.
        run: folder to write to, or None.
        step: number of steps done.
        total_steps: of the whole training.
        saved_step: the step that the last checkpoint holds, −1 where there is none; set by what saves.
        losses: of the last step, by ``head/name``, with their ``total``; on the device.
        evaluations: the last ones; empty on other ranks than 0.
        should_end: set to True to end training after this step or evaluation; rank 0 decides.
        precision: see `hub.precision.autocast`.
    """

    model: Model
    eval_model: Model
    objective: Objective
    optimizer: torch.optim.Optimizer
    train_data: list[Dataset]
    val_data: list[Dataset]
    run: Run | None
    step: int
    total_steps: int
    saved_step: int
    losses: dict[str, Tensor]
    evaluations: dict[str, Evaluation]
    should_end: bool
    precision: str

    @property
    def world(self) -> World:
        """This process among all."""

    def evaluate(self) -> dict[str, Evaluation]:
        """Evaluate now; see `hub.Trainer.evaluate`."""

    def checkpoint(self) -> None:
        """Let callbacks save the state."""

    def log_image(self, name: str, image: np.ndarray) -> None:
        """Send a picture, (H, W, 3) uint8 RGB, to the loggers."""

    def require_run(self) -> Run:
        """Return the folder of the run, or raise a `ConfigError`."""

    def state_dict(self) -> TrainingState:
        """Return everything that training needs to go on exactly; every process must call this."""
