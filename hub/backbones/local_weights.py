"""Pretrained backbone weights from a file: read without unpickling code, and checked against the model."""

from __future__ import annotations

import logging
import os

import timm.models
from torch import Tensor, nn

from hub.errors import CheckpointError, CheckpointMismatchError

log = logging.getLogger("hub")

# Only resized position embeddings and a first convolution adapted to other channels may differ from the file.
_MUST_MATCH = 0.8


def read_weights(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Read a state dict from a ``.safetensors`` or a torch file, without unpickling code.

    Raises:
        CheckpointError: the file is missing or truncated, or holds no state dict.
    """
    if not os.path.isfile(path):
        raise CheckpointError(f"weights {os.fspath(path)} do not exist", fix="check the path given as pretrained")
    try:
        state = timm.models.load_state_dict(os.fspath(path), weights_only=True)
    except Exception as error:  # safetensors, zip and pickle raise their own types
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckpointError(
            f"cannot read weights from {os.fspath(path)}: {first}",
            fix="download the file again, or convert it to safetensors",
        ) from error
    tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    if not tensors:
        raise CheckpointError(f"{os.fspath(path)} contains no tensors", fix="save the state dict of the model")
    return tensors


def fingerprints(tensors: dict[str, Tensor]) -> set[tuple[int, float]]:
    """Return the number of elements and the sum of each weight, which identify it under another name."""
    return {_fingerprint(t) for t in tensors.values() if t.ndim > 1 and t.is_floating_point()}


def check_loaded(net: nn.Module, known: set[tuple[int, float]], *, name: str, path: str | os.PathLike[str]) -> None:
    """Check that the weights of the network come from the file.

    timm loads feature extractors without strict names: a file of another model would leave random weights.

    Args:
        net: after loading.
        known: `fingerprints` of the file.
        name: name of the backbone, for the message.
        path: path of the file, for the message.

    Raises:
        CheckpointMismatchError: more than a fifth of the weights are not from the file.
    """
    own = [_fingerprint(p) for p in net.parameters() if p.ndim > 1]
    loaded = sum(fingerprint in known for fingerprint in own)
    if loaded < _MUST_MATCH * len(own):
        raise CheckpointMismatchError(
            f"{os.fspath(path)} does not hold weights of {name}: {loaded} of {len(own)} layers match",
            fix="use the backbone that the file was made for, with timm's parameter names",
        )
    unused = len(known - set(own))
    if len(known) - unused < _MUST_MATCH * len(known):
        log.warning(
            "%s: %d of %d layers of %s are not used; does the file belong to another model?",
            name,
            unused,
            len(known),
            path,
        )


def _fingerprint(tensor: Tensor) -> tuple[int, float]:
    return tensor.numel(), round(float(tensor.detach().double().sum()), 6)
