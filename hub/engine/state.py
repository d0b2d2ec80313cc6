"""The state of training in one file: with it a run goes on as if it had never stopped.

There is no random state to save: the order of the data, every augmentation and every sampled anchor are functions of
(seed, epoch or step, index).
"""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path
from typing import Any, TypedDict

import torch
from torch import Tensor

from hub.backbones.trunk import Provenance
from hub.engine.config import Config
from hub.engine.objective import Objective
from hub.engine.strategy import Strategy
from hub.errors import CheckpointError, CheckpointMismatchError
from hub.files import write_atomic
from hub.preprocessing import Preprocessing
from hub.weights import load_state

_FORMAT = 4
State = dict[str, object]
"""The state of a callback: tensors and plain values, in nested dictionaries and lists."""


class TrainingState(TypedDict):
    """Everything that training needs to go on exactly.

    Attributes:
        format: version of this layout.
        model: weights and buffers.
        log_variances: learned weights of the losses.
        optimizer: its state.
        preprocessing, provenance: of the model, which loaded weights may have changed.
        step: steps done.
        callbacks: class name → state.
        config: plain values of the config, or None.
    """

    format: int
    model: dict[str, Tensor]
    log_variances: dict[str, Tensor]
    optimizer: dict[str, Any]
    preprocessing: dict[str, Any]
    provenance: dict[str, Any]
    step: int
    callbacks: dict[str, State]
    config: dict[str, Any] | None


def pack(
    objective: Objective,
    optimizer: torch.optim.Optimizer,
    strategy: Strategy,
    *,
    step: int,
    callbacks: dict[str, State],
    config: Config | None,
) -> TrainingState:
    """Gather the state of training; see `hub.engine.trainer.Trainer.state_dict`."""
    model = objective.model
    return {
        "format": _FORMAT,
        "model": strategy.state_dict(model),
        "log_variances": objective.log_variances.state_dict(),
        "optimizer": optimizer.state_dict(),
        "preprocessing": model.preprocessing.to_dict(),
        "provenance": model.trunk.provenance.to_dict(),
        "step": step,
        "callbacks": callbacks,
        "config": None if config is None else config.model_dump(),
    }


def save_state(path: Path, state: TrainingState) -> None:
    """Write a state to a file.

    Raises:
        SaveError: see `hub.files.write_atomic`; the previous file stays.
    """
    write_atomic(path, lambda temporary: torch.save(state, temporary))


def load_state_file(path: str | os.PathLike[str]) -> TrainingState:
    """Read what `save_state` wrote, on the CPU; nothing in the file is executed.

    Raises:
        CheckpointError: missing, truncated, or not one of ours.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(
            f"{path} does not exist, so there is nothing to resume", fix="leave out --resume"
        ) from None
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(
            f"{path} cannot be read, it is truncated or not a training checkpoint ({first})",
            fix="start again from best.safetensors with model.weights=…/best.safetensors",
        ) from None
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise CheckpointError(
            f"{path} is not a training checkpoint of this version", fix="resume a run of this project"
        )
    state: TrainingState = content  # type: ignore[assignment]
    return state


def unpack(
    state: TrainingState, objective: Objective, optimizer: torch.optim.Optimizer, *, source: str | os.PathLike[str]
) -> None:
    """Put a loaded state into a model, the weights of its losses and its optimizer.

    Args:
        state: from `load_state_file`.
        objective: gets the weights.
        optimizer: gets its state.
        source: where the state comes from, for messages.

    Raises:
        CheckpointMismatchError: it belongs to another model or optimizer.
    """
    model = objective.model
    load_state(model, state["model"], source=source)
    objective.log_variances.load_state_dict(state["log_variances"])
    try:
        optimizer.load_state_dict(state["optimizer"])
    except (ValueError, KeyError) as error:
        raise CheckpointMismatchError(
            f"{source} was written with another optimizer: {error}", fix="keep train.optimizer"
        ) from None
    model.preprocessing = Preprocessing.from_dict(state["preprocessing"])
    model.trunk.provenance = Provenance(**state["provenance"])
