"""Convert weights of torchvision's Faster, Mask and Keypoint R-CNN, v1 and v2, for models of the hub."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from hub_detection.weights.conversion import Converted, ModelPieces, finish
from hub_detection.weights.keys import PARAMETER, TENSOR, count_keys, flatten_rows_columns_channels, rename_keys
from hub_detection.weights.torchvision_trunk import (
    convert_norms,
    detector_pieces,
    kept_classes,
    load_checked,
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
    state_dict: Mapping[str, Tensor], *, bn_eps: float = 1e-5, classes: Iterable[int] | None = None
) -> Converted:
    """Convert the weights of torchvision's ``fasterrcnn_…_fpn``, ``maskrcnn_…_fpn``, ``keypointrcnn_…_fpn``.

    Args:
        state_dict: torchvision's, with or without its ``num_batches_tracked``.
        bn_eps: of the source's frozen norms. torchvision builds models of random weights with 1e-5 and those with
            its published ``COCO_V1`` weights with 0; the difference is moved into the variances.
        classes: the source's class indices to keep, in this order, by default all from 1. Published weights have a
            class for each of COCO's ids up to 90, of which 80 exist: pass ``labels.ids``.

    Raises:
        CheckpointMismatchError: a key that these models do not have, a required one is missing, or a class that the
            weights do not have.
    """
    renamed = rename_keys(
        state_dict, _PATTERNS, required=_REQUIRED, family="torchvision's Faster, Mask or Keypoint R-CNN"
    )
    tensors = renamed.tensors
    kept = kept_classes(len(tensors["box_head.cls_score.bias"]), classes)
    pieces = _pieces(tensors, num_classes=len(kept))
    convert_norms(tensors, bn_eps=bn_eps)
    channels = _pooled_channels(tensors, pieces)
    tensors["box_head.fc6.weight"] = flatten_rows_columns_channels(tensors["box_head.fc6.weight"], channels)
    reshaped = {"box_head.fc6.weight": "columns by row, column, channel"}
    rows = torch.tensor([0, *kept])
    for part in ("weight", "bias"):
        for layer, width in (("box_head.cls_score", 1), ("box_head.bbox_pred", 4)):
            key = f"{layer}.{part}"
            per_class = tensors[key].view(-1, width, *tensors[key].shape[1:])
            tensors[key] = per_class[rows].flatten(0, 1)
        if (key := f"mask_head.predictor.{part}") in tensors:
            tensors[key] = tensors[key][rows[1:]]
            reshaped[key] = "without the unused mask of the background"
    return finish(renamed, pieces, reshaped=reshaped)


def _pieces(tensors: Mapping[str, Tensor], *, num_classes: int) -> ModelPieces:
    convs, fcs = count_keys(tensors, "box_head.convs.{}.0.weight"), count_keys(tensors, "box_head.fc{}.weight", start=6)
    options: dict[str, object] = {
        "rpn_num_convs": count_keys(tensors, "rpn.convs.{}.weight"),
        "box_head_num_convs": convs,
        "box_head_num_fcs": fcs,
        "box_head_norm": _norm(tensors, "box_head"),
        "box_head_fc_channels": len(tensors["box_head.fc6.weight"]),
    }
    if convs:
        options["box_head_conv_channels"] = len(tensors["box_head.convs.0.0.weight"])
    task = "faster-rcnn"
    if "mask_head.predictor.weight" in tensors:
        task = "mask-rcnn"
        options |= {
            "mask_head_num_convs": count_keys(tensors, "mask_head.convs.{}.0.weight"),
            "mask_head_channels": len(tensors["mask_head.upsample.weight"]),
            "mask_head_norm": _norm(tensors, "mask_head"),
        }
    elif "keypoint_head.score_lowres.weight" in tensors:
        task = "keypoint-rcnn"
        in_channels, keypoints = tensors["keypoint_head.score_lowres.weight"].shape[:2]
        options |= {
            "num_keypoints": keypoints,
            "keypoint_head_num_convs": count_keys(tensors, "keypoint_head.convs.{}.0.weight"),
            "keypoint_head_channels": in_channels,
        }
    return detector_pieces(task, tensors, level="p2", num_classes=num_classes, options=options)


def _norm(tensors: Mapping[str, Tensor], head: str) -> str:
    return "batch" if f"{head}.convs.0.1.weight" in tensors else "none"


def _pooled_channels(tensors: Mapping[str, Tensor], pieces: ModelPieces) -> int:
    """Return the channels of what the first fully connected layer reads."""
    last = count_keys(tensors, "box_head.convs.{}.0.weight") - 1
    return len(tensors[f"box_head.convs.{last}.0.weight"]) if last >= 0 else pieces.channels or 0


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
    load_checked(model, convert_rcnn(state_dict, bn_eps=bn_eps, classes=classes).tensors)
