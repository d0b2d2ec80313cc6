"""What the weights of torchvision's detectors share: a ResNet with an FPN, whose keys become those of a hub trunk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from hub.errors import CheckpointMismatchError
from hub_detection.weights.keys import PARAMETER, TENSOR, Patterns, add_batch_counters

_BN_EPS = 1e-5  # of the batch norms that receive the weights
_FPN_LAYERS = (("inner_blocks", "lateral"), ("layer_blocks", "output"))


def trunk_patterns(levels: Sequence[str]) -> Patterns:
    """Return (torchvision's key as a pattern, the hub's key) of a trunk with an FPN of these levels, finest first.

    torchvision has renamed the FPN's layers from "inner_blocks.0" to "inner_blocks.0.0": both are accepted.
    """
    layers = [(theirs, ours, i, level) for theirs, ours in _FPN_LAYERS for i, level in enumerate(levels)]
    return [
        (r"backbone\.body\.(.+)", r"trunk.body.net.\1"),
        *((rf"backbone\.fpn\.{t}\.{i}\.1\.{TENSOR}", rf"trunk.neck.{o}.{level}.1.\1") for t, o, i, level in layers),
        *(
            (rf"backbone\.fpn\.{t}\.{i}(?:\.0)?\.{PARAMETER}", rf"trunk.neck.{o}.{level}.\1")
            for t, o, i, level in layers
        ),
    ]


def trunk_keys(levels: Sequence[str]) -> frozenset[str]:
    """Return hub keys that every trunk with an FPN of these levels has."""
    return frozenset(f"trunk.neck.{ours}.{level}.weight" for _, ours in _FPN_LAYERS for level in levels)


def convert_norms(renamed: dict[str, Tensor], *, bn_eps: float) -> None:
    """Complete the norms' tensors in place, and move the difference in epsilon into the backbone's variances.

    The convolutions of an FPN with norms get their own keys, too.
    """
    add_batch_counters(renamed)
    for key in [k for k in renamed if k.startswith("trunk.body.") and k.endswith(".running_var")]:
        renamed[key] = renamed[key] + (bn_eps - _BN_EPS)
    for key in [k for k in renamed if k.startswith("trunk.neck.") and k.endswith(".1.weight")]:
        level = key.removesuffix(".1.weight")
        renamed[f"{level}.0.weight"] = renamed.pop(f"{level}.weight")


def prefix_head(renamed: Mapping[str, Tensor], task: str) -> dict[str, Tensor]:
    """Return the weights under the keys of a `hub.Model` with one head."""
    return {k if k.startswith("trunk.") else f"heads.{task}.{k}": v for k, v in renamed.items()}


def head_of(model: nn.Module) -> str | None:
    """Return the name of a model's first head."""
    return next((key.split(".")[1] for key in model.state_dict() if key.startswith("heads.")), None)


def load_checked(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Load weights if their keys and shapes are exactly the model's; otherwise leave the model unchanged.

    Raises:
        CheckpointMismatchError: names the first tensor that differs.
    """
    expected = model.state_dict()
    for key in sorted(weights.keys() | expected.keys()):
        theirs, ours = (tuple(d[key].shape) if key in d else None for d in (weights, expected))
        if theirs != ours:
            raise CheckpointMismatchError(
                f"{key}: the weights have {theirs or 'none'}, the model has {ours or 'none'}",
                fix="create the model with the same ResNet, an FPN, as many labels and the same options",
            )
    model.load_state_dict(weights)
