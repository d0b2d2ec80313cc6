"""The second stage: what is in a box, and where exactly (Girshick 2015, https://arxiv.org/abs/1504.08083)."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hub import ClassRows, InstanceTargets
from hub_detection.box_coder import BoxCoder
from hub_detection.boxes import clip_boxes, pick, sides_at_least
from hub_detection.layers import Norm, conv_tower
from hub_detection.losses import box_loss, class_loss, giou_box_loss
from hub_detection.nms import nms
from hub_detection.two_stage.roi_sampler import RoIs
from hub_detection.two_stage.rpn import Proposals

_MIN_SIDE = 1e-2  # pixels; smaller detections are dropped


BoxLoss = Literal["smooth_l1", "giou"]


class BoxHead(nn.Module):
    """Convolutions and fully connected layers, then a score for each class and a box for each class.

    Args:
        channels: of the pooled features.
        classes: without background, which is class 0 inside this module.
        coder: of the boxes.
        box_pooler_resolution: side of the pooled grid.
        convs: 3 × 3 convolutions first.
        norm: after each of them.
        fcs: fully connected layers after them, at least 1.
        conv_channels, width: of the convolutions and of the fully connected layers.
        agnostic: one box for all classes, as in a cascade.
        loss: of the boxes: smooth L1 of the offsets, or GIoU of the boxes.
        beta: of the smooth L1 loss.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        *,
        coder: BoxCoder,
        box_pooler_resolution: int = 7,
        convs: int = 0,
        norm: Norm = "none",
        fcs: int = 2,
        conv_channels: int = 256,
        width: int = 1024,
        agnostic: bool = False,
        loss: BoxLoss = "smooth_l1",
        beta: float = 1 / 9,
    ) -> None:
        super().__init__()
        self.classes = classes
        self.coder = coder
        self.agnostic = agnostic
        self.loss = loss
        self.beta = beta
        self.convs = conv_tower(channels, conv_channels, convs, norm=norm)
        flat = box_pooler_resolution**2 * (conv_channels if convs else channels)
        # fc6, fc7: the names of VGG's layers, which the first detectors took over with their weights.
        self.fcs = [f"fc{6 + i}" for i in range(fcs)]
        for i, name in enumerate(self.fcs):
            self.add_module(name, nn.Linear(width if i else flat, width))
            nn.init.kaiming_uniform_(self.get_submodule(name).weight, a=1)  # type: ignore[arg-type]
        self.cls_score = nn.Linear(width, classes + 1)
        self.bbox_pred = nn.Linear(width, 4 if agnostic else (classes + 1) * 4)
        # Small, so that at the start all classes are alike and boxes stay where they are (ibid., section 4).
        nn.init.normal_(self.cls_score.weight, std=0.01)
        nn.init.normal_(self.bbox_pred.weight, std=0.001)
        for layer in (*map(self.get_submodule, self.fcs), self.cls_score, self.bbox_pred):
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, pooled: Tensor, batch: int) -> tuple[Tensor, Tensor]:
        """Look at pooled boxes.

        Args:
            pooled: (B · R, C, size, size) in channels_last layout: rows, columns, channels are `fc6`'s order.
            batch: B.

        Returns:
            Logits (B, R, classes + 1) and offsets (B, R, classes + 1, 4), or (B, R, 1, 4) if class-agnostic.
        """
        hidden = self.convs(pooled).permute(0, 2, 3, 1).flatten(1)
        for name in self.fcs:
            hidden = F.relu(self.get_submodule(name)(hidden), inplace=True)
        logits = self.cls_score(hidden).view(batch, -1, self.classes + 1)
        return logits, self.bbox_pred(hidden).view(*logits.shape[:2], -1, 4)

    def losses(self, logits: Tensor, offsets: Tensor, rois: RoIs, targets: InstanceTargets) -> dict[str, Tensor]:
        """``loss_classifier`` and ``loss_box`` (ibid., equation 1), float32 scalars."""
        if self.agnostic:
            own = offsets.squeeze(2)
        else:
            own = offsets.gather(2, rois.labels[..., None, None].expand(-1, -1, 1, 4)).squeeze(2)
        objects = pick(targets.boxes, rois.matched)
        if self.loss == "giou":
            moved = self.coder.decode(own, rois.boxes)
            loss = giou_box_loss(moved, objects, rois.positive, rois.valid)
        else:
            wanted = self.coder.encode(objects, rois.boxes)
            loss = box_loss(own, wanted, rois.positive, rois.valid, beta=self.beta)
        return {"loss_classifier": class_loss(logits, rois.labels, rois.valid), "loss_box": loss}

    def detections(
        self,
        scores: Tensor,
        offsets: Tensor,
        proposals: Proposals,
        sizes: Tensor,
        *,
        score_thresh: float,
        nms_thresh: float,
        keep: int,
    ) -> dict[str, Tensor]:
        """The objects of each image, best first.

        Args:
            scores: (B, R, classes + 1) float32, the softmax of `forward`'s logits.
            offsets: from `forward`.
            proposals: that they belong to.
            sizes: (B, 2) height and width of the images in pixels; boxes are clipped to them.
            score_thresh: a class with a lower score is not an object.
            nms_thresh: overlap above which only the better of two boxes of one class stays.
            keep: D, objects of each image.

        Returns:
            ``boxes`` (B, D, 4) float32 in pixels, ``scores`` (B, D) float32, ``labels`` (B, D) int64 from 0,
            and ``valid`` (B, D) bool; zeros where not valid.
        """
        # Background goes before the boxes are decoded, and each class of each box is a candidate of its own.
        scores = scores[..., 1:]
        own = offsets if self.agnostic else offsets[..., 1:, :]
        boxes = clip_boxes(self.coder.decode(own, proposals.boxes[..., None, :]), sizes)
        boxes = boxes.expand(-1, -1, self.classes, -1)
        valid = (scores > score_thresh) & sides_at_least(boxes, _MIN_SIDE) & proposals.valid[..., None]
        labels = torch.arange(self.classes, device=scores.device).repeat(scores.shape[1])
        boxes, scores = boxes.flatten(1, 2), scores.flatten(1)
        index, found = nms(boxes, scores, labels, valid.flatten(1), nms_thresh, keep)
        return {
            "boxes": pick(boxes, index) * found[..., None],
            "scores": pick(scores, index) * found,
            "labels": labels[index] * found,
            "valid": found,
        }

    def class_rows(self) -> dict[str, ClassRows]:
        """Where each class's rows are; see `hub.Head.class_rows`."""
        widths = {"cls_score": 1} if self.agnostic else {"cls_score": 1, "bbox_pred": 4}
        return {
            f"{layer}.{part}": ClassRows(offset=1, width=width)
            for layer, width in widths.items()
            for part in ("weight", "bias")
        }
