"""The interface of loggers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from hub.contract import Evaluation


@dataclass(frozen=True)
class RunInfo:
    """The information that loggers get at the start.

    Attributes:
        name: name of the run, or of the model if there is no folder.
        folder: folder of the run, or None.
        config: YAML text of the config, or empty.
        first_step: number of steps that are already done.
        total_steps: number of steps of the run.
    """

    name: str
    folder: Path | None
    config: str
    first_step: int
    total_steps: int


@dataclass(frozen=True)
class StepRecord:
    """The values that loggers get every ``log_every`` steps.

    Attributes:
        step: steps done.
        losses: ``head/loss`` → value, and ``total``; the mean over processes.
        lr: learning rate of the step.
        images_per_second: over all processes, since the last record.
        waiting: fraction of the time spent waiting for data since the last record.
    """

    step: int
    losses: Mapping[str, float]
    lr: float
    images_per_second: float
    waiting: float

    def scalars(self) -> dict[str, float]:
        """Return all values by name.

        >>> StepRecord(1, {"total": 2.0}, lr=0.1, images_per_second=8.0, waiting=0.0).scalars()
        {'lr': 0.1, 'images_per_second': 8.0, 'waiting': 0.0, 'loss/total': 2.0}
        """
        losses = {f"loss/{name}": value for name, value in self.losses.items()}
        return {"lr": self.lr, "images_per_second": self.images_per_second, "waiting": self.waiting, **losses}


def evaluation_scalars(evaluations: Mapping[str, Evaluation]) -> dict[str, float]:
    """Return ``head/metric`` → value.

    >>> evaluation_scalars({"fcos": Evaluation({"AP": 0.5}, main="AP")})
    {'fcos/AP': 0.5}
    """
    return {f"{head}/{name}": value for head, e in evaluations.items() for name, value in e.metrics.items()}


@runtime_checkable
class Logger(Protocol):
    """Base of the loggers; override the methods that you need. Only rank 0 calls them.

    Register a logger as a `hub.LoggerSpec`, whose target takes the options as keyword-only arguments.
    """

    def start(self, info: RunInfo) -> None:
        """Called when training starts, or resumes after ``info.first_step`` steps."""

    def progress(self, step: int) -> None:
        """Called after every step, so it must be fast."""

    def log_step(self, record: StepRecord) -> None:
        """Log losses and speed, every ``log_every`` steps."""

    def log_evaluation(self, step: int, evaluations: Mapping[str, Evaluation]) -> None:
        """Log metrics: head → `hub.Evaluation`."""

    def log_image(self, step: int, name: str, image: np.ndarray) -> None:
        """Log an image, (H, W, 3) uint8 RGB."""

    def close(self, error: BaseException | None = None) -> None:
        """Called when training has ended, with or without an error, and also if `start` failed."""
