"""Convert weights of torchvision's RetinaNet, v1 and v2, and FCOS for models of the hub."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor, nn

from hub_detection.weights.conversion import Converted, ModelPieces, finish
from hub_detection.weights.keys import PARAMETER, Patterns, count_keys, rename_keys
from hub_detection.weights.torchvision_trunk import (
    convert_norms,
    detector_pieces,
    kept_classes,
    load_checked,
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
    state_dict: Mapping[str, Tensor], *, bn_eps: float = 1e-5, classes: Iterable[int] | None = None
) -> Converted:
    """Convert the weights of torchvision's ``retinanet_…_fpn``, its ``_v2``, and ``fcos_…_fpn``.

    Args:
        state_dict: torchvision's, with or without its ``num_batches_tracked``.
        bn_eps: of the source's frozen norms: 0 for RetinaNet's published ``COCO_V1`` weights, 1e-5 for all others;
            the difference is moved into the variances.
        classes: the source's class indices to keep, in this order, by default all from 1. Published weights have a
            class for each of COCO's ids up to 90, of which 80 exist: pass ``labels.ids``.

    Raises:
        CheckpointMismatchError: a key that these models do not have, a required one is missing, or a class that the
            weights do not have.
    """
    fcos = any("bbox_ctrness" in key for key in state_dict)
    patterns, family = (_FCOS, "FCOS") if fcos else (_RETINANET, "RetinaNet or FCOS")
    renamed = rename_keys(state_dict, patterns, required=_REQUIRED, family=f"torchvision's {family}")
    tensors = renamed.tensors
    num_anchors = len(tensors["bbox_reg.bias"]) // 4
    num_classes = len(tensors["cls_logits.bias"]) // num_anchors
    kept = kept_classes(num_classes, classes)
    pieces = _pieces(tensors, fcos=fcos, num_anchors=num_anchors, num_classes=len(kept))
    convert_norms(tensors, bn_eps=bn_eps)
    for part in ("weight", "bias"):
        key = f"cls_logits.{part}"
        rows = tensors[key].view(num_anchors, num_classes, *tensors[key].shape[1:])
        tensors[key] = rows[:, kept].transpose(0, 1).flatten(0, 1).contiguous()
    how = "rows by class, then anchor, without the unused class 0"
    return finish(renamed, pieces, reshaped={"cls_logits.weight": how, "cls_logits.bias": how})


def _pieces(tensors: Mapping[str, Tensor], *, fcos: bool, num_anchors: int, num_classes: int) -> ModelPieces:
    norm = "group" if "cls_tower.0.1.weight" in tensors else "none"
    options: dict[str, object] = {
        "num_convs": count_keys(tensors, "cls_tower.{}.0.weight"),
        "tower_norm": norm,
        "extra_levels": count_keys(tensors, "extra_blocks.{}.weight"),
    }
    if tensors["extra_blocks.0.weight"].shape[1] != len(tensors["extra_blocks.0.weight"]):
        options["extra_from"] = "c5"
    if not fcos:
        # The v2 models differ in the norm of the towers and in the loss, which leaves no trace in the weights.
        options |= {"scales_per_octave": num_anchors // 3, "box_loss": "giou" if norm == "group" else "smooth_l1"}
    return detector_pieces(
        "fcos" if fcos else "retinanet", tensors, level="p3", num_classes=num_classes, options=options
    )


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
    load_checked(model, convert_one_stage(state_dict, bn_eps=bn_eps, classes=classes).tensors)
