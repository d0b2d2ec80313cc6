"""Weights of torchvision's Faster R-CNN for a model of the hub."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from hub.errors import CheckpointMismatchError

_HEAD = "heads.faster-rcnn"
_BN_EPS = 1e-5  # of the batch norms that the weights go into
_PART = r"(weight|bias)"
# torchvision has renamed some layers, "conv" to "conv.0.0": both are read.
_RENAMED = [
    (r"backbone\.body\.(.+)", r"trunk.body.net.\1"),
    *(
        (rf"backbone\.fpn\.{theirs}\.{i}(?:\.0)?\.{_PART}", rf"trunk.neck.{ours}.p{i + 2}.\1")
        for theirs, ours in (("inner_blocks", "lateral"), ("layer_blocks", "output"))
        for i in range(4)
    ),
    (rf"rpn\.head\.conv(?:\.0\.0)?\.{_PART}", rf"{_HEAD}.rpn.conv.\1"),
    (rf"rpn\.head\.cls_logits\.{_PART}", rf"{_HEAD}.rpn.objectness.\1"),
    (rf"rpn\.head\.bbox_pred\.{_PART}", rf"{_HEAD}.rpn.offsets.\1"),
    (rf"roi_heads\.box_head\.(fc6|fc7)\.{_PART}", rf"{_HEAD}.box_head.\1.\2"),
    (rf"roi_heads\.box_predictor\.(cls_score|bbox_pred)\.{_PART}", rf"{_HEAD}.box_head.\1.\2"),
]
_NEEDED = frozenset(
    f"{layer}.{part}"
    for layer in (
        *(f"trunk.neck.{kind}.p{i}" for kind in ("lateral", "output") for i in range(2, 6)),
        *(f"{_HEAD}.rpn.{name}" for name in ("conv", "objectness", "offsets")),
        *(f"{_HEAD}.box_head.{name}" for name in ("fc6", "fc7", "cls_score", "bbox_pred")),
    )
    for part in ("weight", "bias")
)


def convert_fasterrcnn(
    state_dict: Mapping[str, Tensor], *, bn_eps: float = 1e-5, classes: Iterable[int] | None = None
) -> dict[str, Tensor]:
    """Rename and reorder the weights of ``torchvision.models.detection.fasterrcnn_resnet50_fpn``.

    They fit ``hub.create("faster-rcnn/resnet50-fpn", labels=…, norm="frozen")``, and those of another ResNet the
    model with that one; see `load_fasterrcnn`.

    Args:
        state_dict: torchvision's, with or without its ``num_batches_tracked``.
        bn_eps: of the source's frozen norms. torchvision builds models of random weights with 1e-5 and those with
            its published ``COCO_V1`` weights with 0; the difference is moved into the variances.
        classes: the source's class numbers to keep, in this order, by default all from 1. Published weights number
            the classes by COCO's 90 ids, of which 80 exist: pass ``labels.ids``.

    Returns:
        A state dict of a `hub.Model`.

    Raises:
        CheckpointMismatchError: a key that Faster R-CNN with a ResNet-FPN does not have, or one that it needs.
    """
    found: dict[str, Tensor] = {}
    for key, value in state_dict.items():
        for pattern, ours in _RENAMED:
            if match := re.fullmatch(pattern, key):
                found[match.expand(ours)] = value
                break
        else:
            raise CheckpointMismatchError(
                f"{key!r} is no weight of torchvision's fasterrcnn_resnet50_fpn",
                fix="convert only that family (not its v2, Mask or Keypoint R-CNN)",
            )
    if missing := sorted(_NEEDED - found.keys()):
        raise CheckpointMismatchError(
            f"{missing[0]!r} has no counterpart among the weights", fix="use a whole Faster R-CNN state dict"
        )

    for key in [k for k in found if k.endswith(".running_var")]:
        found[key] = found[key] + (bn_eps - _BN_EPS)
        found.setdefault(key.replace("running_var", "num_batches_tracked"), torch.tensor(0))
    # torchvision flattens pooled boxes as channels, rows, columns; we as rows, columns, channels.
    fc6, channels = found[f"{_HEAD}.box_head.fc6.weight"], found["trunk.neck.output.p2.bias"].numel()
    side = round((fc6.shape[1] / channels) ** 0.5)
    reordered = fc6.view(-1, channels, side, side).permute(0, 2, 3, 1).flatten(1)
    found[f"{_HEAD}.box_head.fc6.weight"] = reordered.contiguous()
    if classes is not None:
        rows = torch.tensor([0, *classes])
        for layer in ("cls_score", "bbox_pred"):
            for part in ("weight", "bias"):
                key = f"{_HEAD}.box_head.{layer}.{part}"
                width = 4 if layer == "bbox_pred" else 1
                found[key] = found[key].unflatten(0, (-1, width))[rows].flatten(0, 1)
    return found


def load_fasterrcnn(
    model: nn.Module,
    state_dict: Mapping[str, Tensor],
    *,
    bn_eps: float = 1e-5,
    classes: Iterable[int] | None = None,
) -> None:
    """Convert torchvision's weights and load them into a model with a ``faster-rcnn`` head.

    Args:
        model: changed in place. Created with ``anchor_strides="image"`` it gives torchvision's boxes for images of
            any size; the default differs by some pixels in p6 where that level's size is rounded up.
        state_dict, bn_eps, classes: see `convert_fasterrcnn`.

    Raises:
        CheckpointMismatchError: the weights are of another model; the message names the first that differs.
    """
    found = convert_fasterrcnn(state_dict, bn_eps=bn_eps, classes=classes)
    wanted = model.state_dict()
    for key in sorted(found.keys() | wanted.keys()):
        theirs, ours = (tuple(d[key].shape) if key in d else None for d in (found, wanted))
        if theirs != ours:
            raise CheckpointMismatchError(
                f"{key}: the weights have {theirs or 'none'}, the model has {ours or 'none'}",
                fix="create the model with the same ResNet, an FPN and as many labels",
            )
    model.load_state_dict(found)
