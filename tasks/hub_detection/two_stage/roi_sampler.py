"""Which proposals the second stage learns from (Girshick 2015, section 2.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from hub import InstanceTargets
from hub_detection.boxes import box_iou, pick
from hub_detection.matcher import Matcher, matched_object
from hub_detection.sampling import sample
from hub_detection.two_stage.rpn import Proposals


class RoIs(NamedTuple):
    """Boxes to learn from, S of each image, positive ones first.

    Attributes:
        boxes: (B, S, 4) float32 x1 y1 x2 y2 in pixels.
        labels: (B, S) int64, 0 for background, otherwise the class's index + 1.
        matched: (B, S) int64, the object that each overlaps most; of use where positive.
        positive: (B, S) bool.
        valid: (B, S) bool.
    """

    boxes: Tensor
    labels: Tensor
    matched: Tensor
    positive: Tensor
    valid: Tensor


@dataclass(frozen=True)
class RoISampler:
    """Draws proposals at random, with a limited share of positive ones.

    Args:
        matcher: which proposals hold an object.
        samples: S, proposals of each image.
        positive_fraction: at most this share of them is positive.
    """

    matcher: Matcher
    samples: int
    positive_fraction: float

    @property
    def positives(self) -> int:
        """The most positive boxes that an image can have."""
        return int(self.samples * self.positive_fraction)

    @torch.no_grad()
    def __call__(self, proposals: Proposals, targets: InstanceTargets) -> RoIs:
        """Draw from the proposals and the annotated boxes, so that there is something to find from the start.

        Args:
            proposals: of the RPN.
            targets: from `instance_targets`.

        Returns:
            The boxes drawn.
        """
        boxes = torch.cat([proposals.boxes, targets.boxes], dim=1)
        valid = torch.cat([proposals.valid, targets.valid], dim=1)
        iou = box_iou(targets.boxes, boxes)
        match = self.matcher(iou, targets.valid)
        drawn = sample(
            match.positive & valid,
            match.negative & valid,
            size=self.samples,
            positive_fraction=self.positive_fraction,
        )
        matched = matched_object(iou, drawn.indices)
        labels = (pick(targets.labels, matched) + 1) * drawn.positive
        return RoIs(pick(boxes, drawn.indices), labels, matched, drawn.positive, drawn.valid)

    @torch.no_grad()
    def rematch(self, boxes: Tensor, valid: Tensor, targets: InstanceTargets) -> RoIs:
        """Label boxes that are all learned from: those of the later stages of a cascade.

        Args:
            boxes: (B, S, 4) float32 x1 y1 x2 y2 in pixels.
            valid: (B, S) bool.
            targets: from `instance_targets`.

        Returns:
            The same boxes, in the same order, each positive or background by this sampler's overlaps.
        """
        iou = box_iou(targets.boxes, boxes)
        positive = self.matcher(iou, targets.valid).positive & valid
        matched = iou.argmax(1)
        return RoIs(boxes, (pick(targets.labels, matched) + 1) * positive, matched, positive, valid)
