"""What the weights of torchvision's detectors share: a ResNet with an FPN, whose keys become those of a hub trunk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from torch import Tensor, nn

from hub import Preprocessing, ResizeRule
from hub.errors import CheckpointMismatchError
from hub_detection.weights.conversion import ModelPieces, resnet_name
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


def convert_norms(tensors: dict[str, Tensor], *, bn_eps: float) -> None:
    """Complete the norms' tensors in place, and move the difference in epsilon into the backbone's variances.

    The convolutions of an FPN with norms get their own keys, too.
    """
    add_batch_counters(tensors)
    for key in [k for k in tensors if k.startswith("trunk.body.") and k.endswith(".running_var")]:
        tensors[key] = tensors[key] + (bn_eps - _BN_EPS)
    for key in [k for k in tensors if k.startswith("trunk.neck.") and k.endswith(".1.weight")]:
        level = key.removesuffix(".1.weight")
        tensors[f"{level}.0.weight"] = tensors.pop(f"{level}.weight")


def detector_pieces(
    task: str, tensors: Mapping[str, Tensor], *, level: str, num_classes: int, options: Mapping[str, object]
) -> ModelPieces:
    """Return the pieces of a detector.

    Args:
        task: the head.
        tensors: under the hub's keys, before `convert_norms`.
        level: of the FPN, any.
        num_classes: without background.
        options: of the head.
    """
    return ModelPieces(
        name=f"{task}/{resnet_name(tensors, 'trunk.body.net.layer')}-fpn",
        num_classes=num_classes,
        options={"anchor_strides": "image", **options},
        preprocessing=Preprocessing(resize=ResizeRule(shortest=800, longest=1333)),
        norm="batch" if "trunk.body.net.bn1.num_batches_tracked" in tensors else "frozen",
        channels=len(tensors[f"trunk.neck.output.{level}.weight"]),
        neck={"norm": "batch"} if f"trunk.neck.output.{level}.1.weight" in tensors else {},
    )


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


def kept_classes(num_classes: int, classes: Iterable[int] | None) -> list[int]:
    """Return the class indices to keep, by default all but the background.

    Args:
        num_classes: of the weights, with the background or an unused class as class 0.
        classes: to keep.

    Raises:
        CheckpointMismatchError: the weights do not have one of them.
    """
    kept = list(range(1, num_classes)) if classes is None else list(classes)
    if unknown := [index for index in kept if not 0 <= index < num_classes]:
        raise CheckpointMismatchError(
            f"the weights have classes 0 to {num_classes - 1}, but not {unknown[0]}", fix="choose among those"
        )
    return kept
