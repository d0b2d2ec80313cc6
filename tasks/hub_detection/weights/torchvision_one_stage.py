"""Convert weights of torchvision's RetinaNet, v1 and v2, and FCOS for models of the hub."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor, nn

from hub.errors import CheckpointMismatchError
from hub_detection.weights.keys import PARAMETER, Patterns, rename_keys
from hub_detection.weights.torchvision_trunk import (
    convert_norms,
    head_of,
    load_checked,
    prefix_head,
    trunk_keys,
    trunk_patterns,
)

_LEVELS = ("p3", "p4", "p5")
_TOWERS = (("classification_head", "cls_tower"), ("regression_head", "bbox_tower"))
_SHARED: Patterns = [
    *trunk_patterns(_LEVELS),
    (rf"backbone\.fpn\.extra_blocks\.p6\.{PARAMETER}", r"extra_blocks.0.\1"),
    (rf"backbone\.fpn\.extra_blocks\.p7\.{PARAMETER}", r"extra_blocks.1.\1"),
    (rf"head\.classification_head\.cls_logits\.{PARAMETER}", r"cls_logits.\1"),
    (rf"head\.regression_head\.bbox_reg\.{PARAMETER}", r"bbox_reg.\1"),
]
# torchvision has renamed RetinaNet's layers, such as "conv.2" to "conv.1.0": both are accepted.
_RETINANET: Patterns = [
    *_SHARED,
    *((rf"head\.{theirs}\.conv\.(\d)\.([01])\.{PARAMETER}", rf"{ours}.\1.\2.\3") for theirs, ours in _TOWERS),
    *((rf"head\.{theirs}\.conv\.{2 * i}\.{PARAMETER}", rf"{ours}.{i}.0.\1")
      for theirs, ours in _TOWERS for i in range(4)),
]  # fmt: skip
_FCOS: Patterns = [
    *_SHARED,
    (rf"head\.regression_head\.bbox_ctrness\.{PARAMETER}", r"centerness.\1"),
    *((rf"head\.{theirs}\.conv\.{3 * i + j}\.{PARAMETER}", rf"{ours}.{i}.{j}.\1")
      for theirs, ours in _TOWERS for i in range(4) for j in range(2)),
]  # fmt: skip
_REQUIRED = trunk_keys(_LEVELS) | {
    f"{layer}.{part}"
    for layer in ("extra_blocks.0", "extra_blocks.1", "cls_logits", "bbox_reg")
    for part in ("weight", "bias")
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
    ``fcos`` likewise; for v2 see `load_one_stage`.

    Args:
        state_dict: torchvision's, with or without its ``num_batches_tracked``.
        task: name of the hub's head, by default ``retinanet`` or ``fcos``.
        bn_eps: of the source's frozen norms: 0 for RetinaNet's published ``COCO_V1`` weights, 1e-5 for all others;
            the difference is moved into the variances.
        classes: the source's class indices to keep, in this order, by default all from 1. Published weights have a
            class for each of COCO's ids up to 90, of which 80 exist: pass ``labels.ids``.

    Returns:
        A state dict of a `hub.Model`.

    Raises:
        CheckpointMismatchError: a key that these models do not have, a required one is missing, or a class that the
            weights do not have.
    """
    fcos = any("bbox_ctrness" in key for key in state_dict)
    patterns, family = (_FCOS, "FCOS") if fcos else (_RETINANET, "RetinaNet or FCOS")
    renamed = rename_keys(state_dict, patterns, required=_REQUIRED, family=f"torchvision's {family}").tensors
    convert_norms(renamed, bn_eps=bn_eps)
    num_anchors = len(renamed["bbox_reg.bias"]) // 4
    num_classes = len(renamed["cls_logits.bias"]) // num_anchors
    kept = list(range(1, num_classes)) if classes is None else list(classes)
    if unknown := [index for index in kept if not 0 <= index < num_classes]:
        raise CheckpointMismatchError(
            f"the weights have classes 0 to {num_classes - 1}, but not {unknown[0]}", fix="choose among those"
        )
    for part in ("weight", "bias"):
        # torchvision orders rows by anchor, then class; the hub by class, then anchor. Its class 0 is unused.
        key = f"cls_logits.{part}"
        rows = renamed[key].view(num_anchors, num_classes, *renamed[key].shape[1:])
        renamed[key] = rows[:, kept].transpose(0, 1).flatten(0, 1).contiguous()
    return prefix_head(renamed, task or ("fcos" if fcos else "retinanet"))


def load_one_stage(
    model: nn.Module,
    state_dict: Mapping[str, Tensor],
    *,
    bn_eps: float = 1e-5,
    classes: Iterable[int] | None = None,
) -> None:
    """Convert torchvision's weights and load them into a model with one one-stage head.

    RetinaNet v2 corresponds to the options ``extra_from="c5", tower_norm="group", box_loss="giou"``.

    Args:
        model: changed in place. Created with ``anchor_strides="image"`` it gives torchvision's boxes for images of
            any size; with the default, anchors of p6 and p7 differ by some pixels where those levels' sizes are
            rounded up.
        state_dict, bn_eps, classes: see `convert_one_stage`.

    Raises:
        CheckpointMismatchError: the weights are of another model; the message names the first tensor that differs.
    """
    load_checked(model, convert_one_stage(state_dict, task=head_of(model), bn_eps=bn_eps, classes=classes))
