"""Self-describing checkpoints: a safetensors file whose header has the recipe, so that loading needs no config."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from hub.backbones.trunk import Provenance
from hub.contract import Recipe
from hub.errors import CheckpointError, CheckpointMismatchError
from hub.files import to_json, write_atomic
from hub.model import Model, ModelPlan, build
from hub.preprocessing import Preprocessing

_KEY = "backbone_hub"
FORMAT = 2


class CheckpointHeader(TypedDict):
    """The header of a checkpoint, as plain values.

    Attributes:
        format: version of the file format.
        recipe: see `hub.contract.Recipe`.
        preprocessing: see `hub.Preprocessing`.
        provenance: see `hub.backbones.trunk.Provenance`.
        notes: further values, such as the step and the metrics.
    """

    format: int
    recipe: dict[str, object]
    preprocessing: dict[str, object]
    provenance: dict[str, str | None]
    notes: dict[str, object]


def save(model: Model, path: str | os.PathLike[str], **notes: object) -> Path:
    """Write a model with everything that is needed to use it.

    Args:
        model: on any device.
        path: usually ends in ``.safetensors``.
        notes: plain values for the header, such as the step and the metrics.

    Raises:
        SaveError: see `hub.files.write_atomic`.
    """
    header: CheckpointHeader = {
        "format": FORMAT,
        "recipe": model.recipe.to_dict(),
        "preprocessing": model.preprocessing.to_dict(),
        "provenance": model.trunk.provenance.to_dict(),
        "notes": notes,
    }
    tensors = {k: v.detach().cpu().contiguous() for k, v in model.state_dict().items()}

    def write(temporary: Path) -> None:
        try:
            save_file(tensors, temporary, {_KEY: to_json(header)})
        except SafetensorError as error:  # it reports a full disk only as an error number in the text
            raise OSError(errno.ENOSPC if "os error 28" in str(error) else errno.EIO, str(error)) from error

    return write_atomic(path, write)


def load(path: str | os.PathLike[str], *, device: torch.device | str = "cpu") -> Model:
    """Load a model from a checkpoint, in eval mode.

    Args:
        path: a ``.safetensors`` file that `save` wrote, or a run folder (its best checkpoint, or else its last).
        device: where to put the model.

    Raises:
        CheckpointError: the file is missing, truncated, or was not written by `save`.
        CheckpointMismatchError: its tensors do not match its recipe.
        UnknownNameError: a plugin that it needs is not installed.
    """
    file = find_checkpoint(path)
    header, tensors = read_header(file), _read_tensors(file)
    model = build(ModelPlan.of(Recipe.from_dict(header["recipe"])))
    model.preprocessing = Preprocessing.from_dict(header["preprocessing"])
    model.trunk.provenance = Provenance.from_dict(header["provenance"])
    load_state(model, tensors, source=file)
    return model.to(device).eval()


def load_state(model: Model, tensors: Mapping[str, Tensor], *, source: str | os.PathLike[str]) -> None:
    """Load tensors into a model, all or none.

    Raises:
        CheckpointMismatchError: names or shapes differ; the message lists the first of them.
    """
    own = model.state_dict()
    wrong = [f"{k} is missing" for k in own if k not in tensors]
    wrong += [f"{k} is unexpected" for k in tensors if k not in own]
    wrong += [
        f"{k} has shape {tuple(t.shape)} instead of {tuple(own[k].shape)}"
        for k, t in tensors.items()
        if k in own and own[k].shape != t.shape
    ]
    if wrong:
        more = f" (and {len(wrong) - 3} more)" if len(wrong) > 3 else ""
        raise CheckpointMismatchError(
            f"{source} does not match the model {model.recipe.name}: {'; '.join(wrong[:3])}{more}",
            fix="load it with hub.load, or use the same model name, options and labels",
        )
    model.load_state_dict(dict(tensors))


def find_checkpoint(path: str | os.PathLike[str]) -> Path:
    """Return the file itself, or ``best.safetensors`` or else ``last.safetensors`` of a run folder.

    Raises:
        CheckpointError: there is no such file.
    """
    path = Path(path)
    candidates = [path] if not path.is_dir() else [path / "best.safetensors", path / "last.safetensors"]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    what = "has no best.safetensors or last.safetensors" if path.is_dir() else "does not exist"
    raise CheckpointError(f"{path} {what}", fix="give a run folder or a .safetensors file")


def read_header(path: str | os.PathLike[str]) -> CheckpointHeader:
    """Read the recipe, preprocessing, provenance and notes of a checkpoint, without its tensors.

    Raises:
        CheckpointError: the file is truncated, was not written by `save`, or has another format version.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise _unreadable(path, error) from None
    if _KEY not in metadata:
        raise CheckpointError(
            f"{path} is a safetensors file, but not a checkpoint of backbone-hub",
            fix="to use it as backbone weights, pass pretrained='…'",
        )
    header: CheckpointHeader = json.loads(metadata[_KEY])
    if header["format"] > FORMAT:
        raise CheckpointError(f"{path} was written by a newer version of backbone-hub", fix="upgrade backbone-hub")
    if header["format"] < FORMAT:
        raise CheckpointError(
            f"{path} has format {header['format']} of an unreleased version; this version reads format {FORMAT}",
            fix="train the model again",
        )
    return header


def _read_tensors(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is not a dict
    except (SafetensorError, OSError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: str | os.PathLike[str], error: Exception) -> CheckpointError:
    if not Path(path).exists():
        return CheckpointError(f"{path} does not exist", fix="check the path")
    return CheckpointError(
        f"{path} cannot be read: it is truncated or not a safetensors file ({error})",
        fix="copy it again, or use another checkpoint of the run",
    )
