"""Weights of torchvision's RetinaNet, first and second version, and FCOS for models of the hub."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor, nn

from hub.errors import CheckpointMismatchError
from hub_detection.weights.torchvision_trunk import (
    PART,
    Patterns,
    head_of,
    load_checked,
    renamed,
    settle_norms,
    trunk_keys,
    trunk_patterns,
    under_head,
)

_LEVELS = ("p3", "p4", "p5")
_TOWERS = (("classification_head", "cls_tower"), ("regression_head", "bbox_tower"))
_SHARED: Patterns = [
    *trunk_patterns(_LEVELS),
    (rf"backbone\.fpn\.extra_blocks\.p6\.{PART}", r"extra.0.\1"),
    (rf"backbone\.fpn\.extra_blocks\.p7\.{PART}", r"extra.1.\1"),
    (rf"head\.classification_head\.cls_logits\.{PART}", r"cls_logits.\1"),
    (rf"head\.regression_head\.bbox_reg\.{PART}", r"offsets.\1"),
]
# torchvision has renamed RetinaNet's layers, "conv.2" to "conv.1.0": both are read.
_RETINANET: Patterns = [
    *_SHARED,
    *((rf"head\.{theirs}\.conv\.(\d)\.([01])\.{PART}", rf"{ours}.\1.\2.\3") for theirs, ours in _TOWERS),
    *((rf"head\.{theirs}\.conv\.{2 * i}\.{PART}", rf"{ours}.{i}.0.\1") for theirs, ours in _TOWERS for i in range(4)),
]
_FCOS: Patterns = [
    *_SHARED,
    (rf"head\.regression_head\.bbox_ctrness\.{PART}", r"centerness.\1"),
    *((rf"head\.{theirs}\.conv\.{3 * i + j}\.{PART}", rf"{ours}.{i}.{j}.\1")
      for theirs, ours in _TOWERS for i in range(4) for j in range(2)),
]  # fmt: skip
_NEEDED = trunk_keys(_LEVELS) | {
    f"{layer}.{part}" for layer in ("extra.0", "extra.1", "cls_logits", "offsets") for part in ("weight", "bias")
}


def convert_one_stage(
    state_dict: Mapping[str, Tensor],
    *,
    task: str | None = None,
    bn_eps: float = 1e-5,
    classes: Iterable[int] | None = None,
) -> dict[str, Tensor]:
    """Rename and reorder the weights of torchvision's ``retinanet_…_fpn``, its ``_v2``, and ``fcos_…_fpn``.

    Those of ``retinanet_resnet50_fpn`` fit ``hub.create("retinanet/resnet50-fpn", labels=…, norm="frozen")``, and
    ``fcos`` likewise; for the second version see `load_one_stage`.

    Args:
        state_dict: torchvision's, with or without its ``num_batches_tracked``.
        task: of the hub's head that takes them, by default ``retinanet`` or ``fcos``.
        bn_eps: of the source's frozen norms: 0 for RetinaNet's published ``COCO_V1`` weights, 1e-5 for all others;
            the difference is moved into the variances.
        classes: the source's class numbers to keep, in this order, by default all from 1. Published weights number
            the classes by COCO's 90 ids, of which 80 exist: pass ``labels.ids``.

    Returns:
        A state dict of a `hub.Model`.

    Raises:
        CheckpointMismatchError: a key that these families with a ResNet-FPN do not have, or one that they need; a
            class that the weights do not have.
    """
    fcos = any("bbox_ctrness" in key for key in state_dict)
    patterns, family = (_FCOS, "FCOS") if fcos else (_RETINANET, "RetinaNet or FCOS")
    found = renamed(state_dict, patterns, needed=_NEEDED, family=family)
    settle_norms(found, bn_eps=bn_eps)
    num_anchors = len(found["offsets.bias"]) // 4
    theirs = len(found["cls_logits.bias"]) // num_anchors
    chosen = list(range(1, theirs)) if classes is None else list(classes)
    if wrong := [number for number in chosen if not 0 <= number < theirs]:
        raise CheckpointMismatchError(
            f"the weights have classes 0 to {theirs - 1}, but not {wrong[0]}", fix="choose among those"
        )
    for part in ("weight", "bias"):
        # torchvision has the classes of an anchor together, we the anchors of a class; its class 0 stays unused.
        rows = found[f"cls_logits.{part}"].unflatten(0, (num_anchors, theirs))
        found[f"cls_logits.{part}"] = rows[:, chosen].transpose(0, 1).flatten(0, 1).contiguous()
    return under_head(found, task or ("fcos" if fcos else "retinanet"))


def load_one_stage(
    model: nn.Module,
    state_dict: Mapping[str, Tensor],
    *,
    bn_eps: float = 1e-5,
    classes: Iterable[int] | None = None,
) -> None:
    """Convert torchvision's weights and load them into a model with one one-stage head.

    The parts of RetinaNet's second version are options: ``extra_from="c5", tower_norm="group", box_loss="giou"``.

    Args:
        model: changed in place. Created with ``anchor_strides="image"`` it gives torchvision's boxes for images of
            any size; the default differs by some pixels in p6 and p7 where those levels' sizes are rounded up.
        state_dict, bn_eps, classes: see `convert_one_stage`.

    Raises:
        CheckpointMismatchError: the weights are of another model; the message names the first that differs.
    """
    found = convert_one_stage(state_dict, task=head_of(model), bn_eps=bn_eps, classes=classes)
    load_checked(model, found)
