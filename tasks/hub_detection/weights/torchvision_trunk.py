"""What torchvision's detectors share: a ResNet with a pyramid, whose weights become those of a trunk of the hub."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from hub.errors import CheckpointMismatchError

PART = r"(weight|bias)"
TENSOR = r"(weight|bias|running_mean|running_var|num_batches_tracked)"
Patterns = Sequence[tuple[str, str]]
_BN_EPS = 1e-5  # of the batch norms that the weights go into
_KINDS = (("inner_blocks", "lateral"), ("layer_blocks", "output"))


def trunk_patterns(levels: Sequence[str]) -> Patterns:
    """Their names of a trunk's weights as patterns, and ours, for a pyramid of these levels, finest first.

    torchvision has renamed the pyramid's layers, "inner_blocks.0" to "inner_blocks.0.0": both are read.
    """
    places = [(theirs, ours, i, level) for theirs, ours in _KINDS for i, level in enumerate(levels)]
    return [
        (r"backbone\.body\.(.+)", r"trunk.body.net.\1"),
        *((rf"backbone\.fpn\.{t}\.{i}\.1\.{TENSOR}", rf"trunk.neck.{o}.{level}.1.\1") for t, o, i, level in places),
        *((rf"backbone\.fpn\.{t}\.{i}(?:\.0)?\.{PART}", rf"trunk.neck.{o}.{level}.\1") for t, o, i, level in places),
    ]


def trunk_keys(levels: Sequence[str]) -> frozenset[str]:
    """Keys that `renamed` gives for every trunk with a pyramid of these levels."""
    return frozenset(f"trunk.neck.{ours}.{level}.weight" for _, ours in _KINDS for level in levels)


def renamed(
    state_dict: Mapping[str, Tensor], patterns: Patterns, *, needed: frozenset[str], family: str
) -> dict[str, Tensor]:
    """The weights under our names.

    Args:
        state_dict: torchvision's.
        patterns: what each of its keys is one of, and how we name it; the first that fits.
        needed: keys that must be among the answers.
        family: of models, for the message.

    Raises:
        CheckpointMismatchError: a key that no pattern fits, or one missing that is needed.
    """
    found: dict[str, Tensor] = {}
    for key, value in state_dict.items():
        for pattern, ours in patterns:
            if match := re.fullmatch(pattern, key):
                found[match.expand(ours)] = value
                break
        else:
            raise CheckpointMismatchError(f"{key!r} is no weight of torchvision's {family}", fix="convert only those")
    if missing := sorted(needed - found.keys()):
        raise CheckpointMismatchError(
            f"{missing[0]!r} has no counterpart among the weights", fix="use a whole state dict of such a model"
        )
    return found


def settle_norms(found: dict[str, Tensor], *, bn_eps: float) -> None:
    """Give norms all that ours have, in place: the epsilon that is theirs is moved into the backbone's variances.

    With norms in the pyramid its convolutions get their names, too.
    """
    for key in [k for k in found if k.endswith(".running_var")]:
        if key.startswith("trunk.body."):
            found[key] = found[key] + (bn_eps - _BN_EPS)
        found.setdefault(key.replace("running_var", "num_batches_tracked"), torch.tensor(0))
    for key in [k for k in found if k.startswith("trunk.neck.") and k.endswith(".1.weight")]:
        level = key.removesuffix(".1.weight")
        found[f"{level}.0.weight"] = found.pop(f"{level}.weight")


def under_head(found: Mapping[str, Tensor], task: str) -> dict[str, Tensor]:
    """The same weights as keys of a `hub.Model` with one head."""
    return {k if k.startswith("trunk.") else f"heads.{task}.{k}": v for k, v in found.items()}


def head_of(model: nn.Module) -> str | None:
    """The name of a model's first head."""
    return next((key.split(".")[1] for key in model.state_dict() if key.startswith("heads.")), None)


def load_checked(model: nn.Module, found: Mapping[str, Tensor]) -> None:
    """Load the weights if they are exactly the model's, and leave it alone otherwise.

    Raises:
        CheckpointMismatchError: they are of another model; the message names the first that differs.
    """
    wanted = model.state_dict()
    for key in sorted(found.keys() | wanted.keys()):
        theirs, ours = (tuple(d[key].shape) if key in d else None for d in (found, wanted))
        if theirs != ours:
            raise CheckpointMismatchError(
                f"{key}: the weights have {theirs or 'none'}, the model has {ours or 'none'}",
                fix="create the model with the same ResNet, an FPN, as many labels and the same options",
            )
    model.load_state_dict(found)
