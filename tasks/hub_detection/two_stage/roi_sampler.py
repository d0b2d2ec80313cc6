"""Sample the proposals that the box head learns from (Girshick 2015, section 2.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from hub import InstanceTargets
from hub_detection.boxes import pick
from hub_detection.matcher import Matcher, matched_object
from hub_detection.sampling import sample
from hub_detection.two_stage.rpn import Proposals


class RoIs(NamedTuple):
    """Boxes to learn from, S per image, positive ones first.

    Attributes:
        boxes: (B, S, 4) float32 x1 y1 x2 y2 in pixels.
        labels: (B, S) int64, 0 for background, otherwise the class's index + 1.
        matched: (B, S) int64, the object with the highest IoU; meaningful where positive.
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
    """Sample proposals at random, with a limited fraction of positive ones.

    Args:
        matcher: decides which proposals are positive.
        batch_size_per_image: S, the number of RoIs per image.
        positive_fraction: at most this fraction of them is positive.
    """

    matcher: Matcher
    batch_size_per_image: int
    positive_fraction: float

    @property
    def max_positives(self) -> int:
        """The most positive RoIs per image."""
        return int(self.batch_size_per_image * self.positive_fraction)

    @torch.no_grad()
    def __call__(self, proposals: Proposals, targets: InstanceTargets) -> RoIs:
        """Sample from the proposals and the annotated boxes, so that there are positives from the first step.

        Args:
            proposals: of the RPN.
            targets: from `instance_targets`.

        Returns:
            The sampled boxes.
        """
        boxes = torch.cat([proposals.boxes, targets.boxes], dim=1)
        valid = torch.cat([proposals.valid, targets.valid], dim=1)
        match = self.matcher(targets.boxes, boxes, targets.valid)
        drawn = sample(
            match.positive & valid,
            match.negative & valid,
            size=self.batch_size_per_image,
            positive_fraction=self.positive_fraction,
        )
        chosen = pick(boxes, drawn.indices)
        matched = matched_object(targets.boxes, chosen)
        labels = (pick(targets.labels, matched) + 1) * drawn.positive
        return RoIs(chosen, labels, matched, drawn.positive, drawn.valid)

    @torch.no_grad()
    def rematch(self, boxes: Tensor, valid: Tensor, targets: InstanceTargets) -> RoIs:
        """Match boxes that are all learned from: those of the later stages of a cascade.

        Args:
            boxes: (B, S, 4) float32 x1 y1 x2 y2 in pixels.
            valid: (B, S) bool.
            targets: from `instance_targets`.

        Returns:
            The same boxes, in the same order, each positive or background by this sampler's thresholds.
        """
        match, matched = self.matcher.with_objects(targets.boxes, boxes, targets.valid)
        positive = match.positive & valid
        return RoIs(boxes, (pick(targets.labels, matched) + 1) * positive, matched, positive, valid)
