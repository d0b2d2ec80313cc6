"""The state of training in one file: with it a run goes on as if it had never stopped.

There is no random state to save: the order of the data, every augmentation and every sampled anchor are functions of
(seed, epoch or step, index).
"""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hub.backbones.trunk import Provenance
from hub.engine.objective import Objective
from hub.errors import CheckpointError, CheckpointMismatchError
from hub.files import write_atomic
from hub.preprocessing import Preprocessing
from hub.weights import load_state

_FORMAT = 3


def save_state(
    path: Path,
    objective: Objective,
    optimizer: torch.optim.Optimizer,
    average: nn.Module | None,
    *,
    step: int,
    config: dict[str, Any],
) -> None:
    """Write the model, its moving average, the losses' learned weights, the optimiser and the steps done, all at once.

    Raises:
        SaveError: see `hub.files.write_atomic`; the previous file stays.
    """
    model = objective.model
    content = {
        "format": _FORMAT,
        "model": model.state_dict(),
        "average": None if average is None else average.state_dict(),
        "log_variances": objective.log_variances.state_dict(),
        "optimizer": optimizer.state_dict(),
        "preprocessing": model.preprocessing.to_dict(),
        "provenance": model.trunk.provenance.to_dict(),
        "step": step,
        "config": config,
    }
    write_atomic(path, lambda temporary: torch.save(content, temporary))


def load_state_file(path: str | os.PathLike[str]) -> dict[str, Any]:
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
    return content


def restore(content: dict[str, Any], objective: Objective, optimizer: torch.optim.Optimizer, *, source: Path) -> int:
    """Put a loaded state into a model, its losses' weights and its optimiser.

    Returns:
        The number of steps done.

    Raises:
        CheckpointMismatchError: it belongs to another model or optimiser.
    """
    model = objective.model
    load_state(model, content["model"], source=source)
    objective.log_variances.load_state_dict(content["log_variances"])
    try:
        optimizer.load_state_dict(content["optimizer"])
    except (ValueError, KeyError) as error:
        raise CheckpointMismatchError(
            f"{source} was written with another optimiser: {error}", fix="keep train.optimizer"
        ) from None
    model.preprocessing = Preprocessing.from_dict(content["preprocessing"])
    model.trunk.provenance = Provenance(**content["provenance"])
    return int(content["step"])
