"""The second stage: what is in a box, and where exactly (Girshick 2015, https://arxiv.org/abs/1504.08083)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hub import ClassRows, InstanceTargets
from hub_detection.box_coder import BoxCoder
from hub_detection.boxes import at_least, clip_boxes, pick
from hub_detection.losses import box_loss, class_loss
from hub_detection.nms import nms
from hub_detection.roi_sampler import RoIs
from hub_detection.rpn import Proposals

_MIN_SIDE = 1e-2  # pixels; smaller detections are dropped


class BoxHead(nn.Module):
    """Two fully connected layers, then a score for each class and a box for each class.

    Args:
        channels: of the pooled features.
        pooled_size: side of the pooled grid.
        width: of the hidden layers.
        classes: without background, which is class 0 inside this module.
        coder: of the boxes.
        beta: of the smooth L1 loss.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        *,
        pooled_size: int = 7,
        width: int = 1024,
        coder: BoxCoder,
        beta: float = 1 / 9,
    ) -> None:
        super().__init__()
        self.classes = classes
        self.coder = coder
        self.beta = beta
        self.fc6 = nn.Linear(pooled_size**2 * channels, width)
        self.fc7 = nn.Linear(width, width)
        self.cls_score = nn.Linear(width, classes + 1)
        self.bbox_pred = nn.Linear(width, (classes + 1) * 4)
        for layer in (self.fc6, self.fc7):
            nn.init.kaiming_uniform_(layer.weight, a=1)
        # Small, so that at the start all classes are alike and boxes stay where they are (ibid., section 4).
        nn.init.normal_(self.cls_score.weight, std=0.01)
        nn.init.normal_(self.bbox_pred.weight, std=0.001)
        for layer in (self.fc6, self.fc7, self.cls_score, self.bbox_pred):
            nn.init.zeros_(layer.bias)

    def forward(self, pooled: Tensor, batch: int) -> tuple[Tensor, Tensor]:
        """Look at pooled boxes.

        Args:
            pooled: (B · R, C, size, size) in channels_last layout: rows, columns, channels are `fc6`'s order.
            batch: B.

        Returns:
            Logits (B, R, classes + 1) and offsets (B, R, classes + 1, 4).
        """
        hidden = F.relu(self.fc6(pooled.permute(0, 2, 3, 1).flatten(1)), inplace=True)
        hidden = F.relu(self.fc7(hidden), inplace=True)
        logits = self.cls_score(hidden).view(batch, -1, self.classes + 1)
        return logits, self.bbox_pred(hidden).view(*logits.shape, 4)

    def losses(self, logits: Tensor, offsets: Tensor, rois: RoIs, targets: InstanceTargets) -> dict[str, Tensor]:
        """``loss_classifier`` and ``loss_box`` (ibid., equation 1), float32 scalars."""
        chosen = rois.labels[..., None, None].expand(-1, -1, 1, 4)
        wanted = self.coder.encode(pick(targets.boxes, rois.matched), rois.boxes)
        return {
            "loss_classifier": class_loss(logits, rois.labels, rois.valid),
            "loss_box": box_loss(
                offsets.gather(2, chosen).squeeze(2), wanted, rois.positive, rois.valid, beta=self.beta
            ),
        }

    def detections(
        self,
        logits: Tensor,
        offsets: Tensor,
        proposals: Proposals,
        sizes: Tensor,
        *,
        score_threshold: float,
        nms_threshold: float,
        keep: int,
    ) -> dict[str, Tensor]:
        """The objects of each image, best first.

        Args:
            logits, offsets: from `forward`.
            proposals: that they belong to.
            sizes: (B, 2) height and width of the images in pixels; boxes are clipped to them.
            score_threshold: a class with a lower score is not an object.
            nms_threshold: overlap above which only the better of two boxes of one class stays.
            keep: D, objects of each image.

        Returns:
            ``boxes`` (B, D, 4) float32 in pixels, ``scores`` (B, D) float32, ``labels`` (B, D) int64 from 0,
            and ``valid`` (B, D) bool; zeros where not valid.
        """
        # Background goes before the boxes are decoded, and each class of each box is a candidate of its own.
        scores = logits.float().softmax(-1)[..., 1:]
        boxes = clip_boxes(self.coder.decode(offsets[..., 1:, :], proposals.boxes[..., None, :]), sizes)
        valid = (scores > score_threshold) & at_least(boxes, _MIN_SIDE) & proposals.valid[..., None]
        labels = torch.arange(self.classes, device=logits.device).repeat(logits.shape[1])
        boxes, scores = boxes.flatten(1, 2), scores.flatten(1)
        index, found = nms(boxes, scores, labels, valid.flatten(1), nms_threshold, keep)
        return {
            "boxes": pick(boxes, index) * found[..., None],
            "scores": pick(scores, index) * found,
            "labels": labels[index] * found,
            "valid": found,
        }

    def class_rows(self) -> dict[str, ClassRows]:
        """Where each class's rows are; see `hub.Head.class_rows`."""
        widths = {"cls_score": 1, "bbox_pred": 4}
        return {
            f"{layer}.{part}": ClassRows(offset=1, width=width)
            for layer, width in widths.items()
            for part in ("weight", "bias")
        }
