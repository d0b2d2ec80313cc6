"""Weights of torchvision's Faster, Mask and Keypoint R-CNN, first and second version, for models of the hub."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from hub_detection.weights.torchvision_trunk import (
    PART,
    TENSOR,
    head_of,
    load_checked,
    renamed,
    settle_norms,
    trunk_keys,
    trunk_patterns,
    under_head,
)

_LEVELS = ("p2", "p3", "p4", "p5")
# torchvision has renamed some layers, "conv" to "conv.0.0" and "mask_fcn1" to "0.0": both are read.
_PATTERNS = [
    *trunk_patterns(_LEVELS),
    (rf"rpn\.head\.conv\.{PART}", r"rpn.convs.0.\1"),
    (rf"rpn\.head\.conv\.(\d)\.0\.{PART}", r"rpn.convs.\1.\2"),
    (rf"rpn\.head\.cls_logits\.{PART}", r"rpn.objectness.\1"),
    (rf"rpn\.head\.bbox_pred\.{PART}", r"rpn.offsets.\1"),
    (rf"roi_heads\.box_head\.(fc6|fc7)\.{PART}", r"box_head.\1.\2"),
    (rf"roi_heads\.box_head\.(\d)\.([01])\.{TENSOR}", r"box_head.convs.\1.\2.\3"),
    (rf"roi_heads\.box_head\.\d\.{PART}", r"box_head.fc6.\1"),
    (rf"roi_heads\.box_predictor\.(cls_score|bbox_pred)\.{PART}", r"box_head.\1.\2"),
    *((rf"roi_heads\.mask_head\.mask_fcn{i + 1}\.{PART}", rf"mask_head.convs.{i}.0.\1") for i in range(4)),
    (rf"roi_heads\.mask_head\.(\d)\.([01])\.{TENSOR}", r"mask_head.convs.\1.\2.\3"),
    (rf"roi_heads\.mask_predictor\.conv5_mask\.{PART}", r"mask_head.upsample.\1"),
    (rf"roi_heads\.mask_predictor\.mask_fcn_logits\.{PART}", r"mask_head.predictor.\1"),
    *((rf"roi_heads\.keypoint_head\.{2 * i}\.{PART}", rf"keypoint_head.convs.{i}.0.\1") for i in range(8)),
    (rf"roi_heads\.keypoint_predictor\.kps_score_lowres\.{PART}", r"keypoint_head.upsample.\1"),
]  # fmt: skip
_NEEDED = trunk_keys(_LEVELS) | {
    f"{layer}.{part}"
    for layer in ("rpn.objectness", "rpn.offsets", "box_head.fc6", "box_head.cls_score", "box_head.bbox_pred")
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
    the ``_v2`` models the same names with their options; see `load_rcnn`.

    Args:
        state_dict: torchvision's, with or without its ``num_batches_tracked``.
        task: of the hub's head that takes them.
        bn_eps: of the source's frozen norms. torchvision builds models of random weights with 1e-5 and those with
            its published ``COCO_V1`` weights with 0; the difference is moved into the variances.
        classes: the source's class numbers to keep, in this order, by default all from 1. Published weights number
            the classes by COCO's 90 ids, of which 80 exist: pass ``labels.ids``.

    Returns:
        A state dict of a `hub.Model`.

    Raises:
        CheckpointMismatchError: a key that these families with a ResNet-FPN do not have, or one that they need.
    """
    found = renamed(state_dict, _PATTERNS, needed=_NEEDED, family="Faster, Mask or Keypoint R-CNN")
    settle_norms(found, bn_eps=bn_eps)
    # torchvision flattens pooled boxes as channels, rows, columns; we as rows, columns, channels.
    fc6, last = found["box_head.fc6.weight"], max((k for k in found if k.startswith("box_head.convs.")), default=None)
    channels = len(found["trunk.neck.output.p2.weight"] if last is None else found[f"{last[:16]}.0.weight"])
    side = round((fc6.shape[1] / channels) ** 0.5)
    found["box_head.fc6.weight"] = fc6.view(-1, channels, side, side).permute(0, 2, 3, 1).flatten(1).contiguous()
    rows = torch.arange(len(found["box_head.cls_score.bias"])) if classes is None else torch.tensor([0, *classes])
    for part in ("weight", "bias"):
        for layer, width in (("box_head.cls_score", 1), ("box_head.bbox_pred", 4)):
            key = f"{layer}.{part}"
            found[key] = found[key].unflatten(0, (-1, width))[rows].flatten(0, 1)
        if (key := f"mask_head.predictor.{part}") in found:
            found[key] = found[key][rows[1:]]  # nobody asks for the background's mask
    _name_rpn_layers(found)
    return under_head(found, task)


def load_rcnn(
    model: nn.Module,
    state_dict: Mapping[str, Tensor],
    *,
    bn_eps: float = 1e-5,
    classes: Iterable[int] | None = None,
) -> None:
    """Convert torchvision's weights and load them into a model with one two-stage head.

    The second versions' parts are options: ``neck={"norm": "batch"}, rpn_num_convs=2, box_head_num_convs=4,
    box_head_num_fcs=1, box_head_norm="batch"``, and ``mask_head_norm="batch"``.

    Args:
        model: changed in place. Created with ``anchor_strides="image"`` it gives torchvision's boxes for images of
            any size; the default differs by some pixels in p6 where that level's size is rounded up.
        state_dict, bn_eps, classes: see `convert_rcnn`.

    Raises:
        CheckpointMismatchError: the weights are of another model; the message names the first that differs.
    """
    task = head_of(model) or "faster-rcnn"
    load_checked(model, convert_rcnn(state_dict, task=task, bn_eps=bn_eps, classes=classes))


def _name_rpn_layers(found: dict[str, Tensor]) -> None:
    """The RPN's layers are named by how many there are: the last convolution is ``conv``."""
    depth = len({key.split(".")[2] for key in found if key.startswith("rpn.convs.")})
    for i in range(depth):
        ours = "rpn.conv" if i == depth - 1 else f"rpn.early.{i}"
        for part in ("weight", "bias"):
            found[f"{ours}.{part}"] = found.pop(f"rpn.convs.{i}.{part}")
