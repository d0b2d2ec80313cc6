"""Convert weights of torchvision's Faster, Mask and Keypoint R-CNN, v1 and v2, for models of the hub."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from hub_detection.weights.keys import PARAMETER, TENSOR, flatten_rows_columns_channels, rename_keys
from hub_detection.weights.torchvision_trunk import (
    convert_norms,
    head_of,
    load_checked,
    prefix_head,
    trunk_keys,
    trunk_patterns,
)

_LEVELS = ("p2", "p3", "p4", "p5")
# torchvision has renamed some layers, such as "conv" to "conv.0.0" and "mask_fcn1" to "0.0": both are accepted.
_PATTERNS = [
    *trunk_patterns(_LEVELS),
    (rf"rpn\.head\.conv\.{PARAMETER}", r"rpn.convs.0.\1"),
    (rf"rpn\.head\.conv\.(\d)\.0\.{PARAMETER}", r"rpn.convs.\1.\2"),
    (rf"rpn\.head\.(cls_logits|bbox_pred)\.{PARAMETER}", r"rpn.\1.\2"),
    (rf"roi_heads\.box_head\.(fc6|fc7)\.{PARAMETER}", r"box_head.\1.\2"),
    (rf"roi_heads\.box_head\.(\d)\.([01])\.{TENSOR}", r"box_head.convs.\1.\2.\3"),
    (rf"roi_heads\.box_head\.\d\.{PARAMETER}", r"box_head.fc6.\1"),
    (rf"roi_heads\.box_predictor\.(cls_score|bbox_pred)\.{PARAMETER}", r"box_head.\1.\2"),
    *((rf"roi_heads\.mask_head\.mask_fcn{i + 1}\.{PARAMETER}", rf"mask_head.convs.{i}.0.\1") for i in range(4)),
    (rf"roi_heads\.mask_head\.(\d)\.([01])\.{TENSOR}", r"mask_head.convs.\1.\2.\3"),
    (rf"roi_heads\.mask_predictor\.conv5_mask\.{PARAMETER}", r"mask_head.upsample.\1"),
    (rf"roi_heads\.mask_predictor\.mask_fcn_logits\.{PARAMETER}", r"mask_head.predictor.\1"),
    *((rf"roi_heads\.keypoint_head\.{2 * i}\.{PARAMETER}", rf"keypoint_head.convs.{i}.0.\1") for i in range(8)),
    (rf"roi_heads\.keypoint_predictor\.kps_score_lowres\.{PARAMETER}", r"keypoint_head.score_lowres.\1"),
]  # fmt: skip
_REQUIRED = trunk_keys(_LEVELS) | {
    f"{layer}.{part}"
    for layer in ("rpn.cls_logits", "rpn.bbox_pred", "box_head.fc6", "box_head.cls_score", "box_head.bbox_pred")
    for part in ("weight", "bias")
}


def convert_rcnn(
    state_dict: Mapping[str, Tensor],
    *,
    task: str = "faster-rcnn",
    bn_eps: float = 1e-5,
    classes: Iterable[int] | None = None,
) -> dict[str, Tensor]:
    """Rename and reorder the weights of torchvision's ``fasterrcnn_…_fpn``, ``maskrcnn_…_fpn``, ``keypointrcnn_…_fpn``.

    Those of ``maskrcnn_resnet50_fpn`` fit ``hub.create("mask-rcnn/resnet50-fpn", labels=…, norm="frozen")``, those of
    the ``_v2`` models the same names with further options; see `load_rcnn`.

    Args:
        state_dict: torchvision's, with or without its ``num_batches_tracked``.
        task: name of the hub's head.
        bn_eps: of the source's frozen norms. torchvision builds models of random weights with 1e-5 and those with
            its published ``COCO_V1`` weights with 0; the difference is moved into the variances.
        classes: the source's class indices to keep, in this order, by default all from 1. Published weights have a
            class for each of COCO's ids up to 90, of which 80 exist: pass ``labels.ids``.

    Returns:
        A state dict of a `hub.Model`.

    Raises:
        CheckpointMismatchError: a key that these models do not have, or a required one is missing.
    """
    renamed = rename_keys(
        state_dict, _PATTERNS, required=_REQUIRED, family="torchvision's Faster, Mask or Keypoint R-CNN"
    ).tensors
    convert_norms(renamed, bn_eps=bn_eps)
    # torchvision flattens pooled boxes as channels, rows, columns; the hub as rows, columns, channels.
    fc6 = renamed["box_head.fc6.weight"]
    last_conv = max((k for k in renamed if k.startswith("box_head.convs.") and k.endswith(".0.weight")), default=None)
    channels = len(renamed[last_conv or "trunk.neck.output.p2.weight"])
    renamed["box_head.fc6.weight"] = flatten_rows_columns_channels(fc6, channels)
    rows = torch.arange(len(renamed["box_head.cls_score.bias"])) if classes is None else torch.tensor([0, *classes])
    for part in ("weight", "bias"):
        for layer, width in (("box_head.cls_score", 1), ("box_head.bbox_pred", 4)):
            key = f"{layer}.{part}"
            per_class = renamed[key].view(-1, width, *renamed[key].shape[1:])
            renamed[key] = per_class[rows].flatten(0, 1)
        if (key := f"mask_head.predictor.{part}") in renamed:
            renamed[key] = renamed[key][rows[1:]]  # the background's mask is never used
    return prefix_head(renamed, task)


def load_rcnn(
    model: nn.Module,
    state_dict: Mapping[str, Tensor],
    *,
    bn_eps: float = 1e-5,
    classes: Iterable[int] | None = None,
) -> None:
    """Convert torchvision's weights and load them into a model with one two-stage head.

    The v2 models correspond to the options ``neck={"norm": "batch"}, rpn_num_convs=2, box_head_num_convs=4,
    box_head_num_fcs=1, box_head_norm="batch"``, and ``mask_head_norm="batch"``.

    Args:
        model: changed in place. Created with ``anchor_strides="image"`` it gives torchvision's boxes for images of
            any size; with the default, anchors of p6 differ by some pixels where that level's size is rounded up.
        state_dict, bn_eps, classes: see `convert_rcnn`.

    Raises:
        CheckpointMismatchError: the weights are of another model; the message names the first tensor that differs.
    """
    task = head_of(model) or "faster-rcnn"
    load_checked(model, convert_rcnn(state_dict, task=task, bn_eps=bn_eps, classes=classes))
