"""Which points of a pyramid are to find an object (Tian et al. 2020, https://arxiv.org/abs/2006.09214, section 2.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hub_detection.boxes import box_area
from hub_detection.matcher import object_parts


@dataclass(frozen=True)
class PointMatcher:
    """Gives every point the smallest object that is around it, near its centre and of its level's size.

    Of an object's four distances from a point the largest tells its level: from 4 to 8 strides, on the finest level
    also less and on the coarsest also more.

    Args:
        strides: of the levels in pixels, from finest to coarsest, each twice the one before.
        radius: points farther than so many strides from the centre of an object, across or down, do not learn it.

    >>> positive, matched = PointMatcher((8,))(
    ...     [torch.tensor([[8.0, 8.0], [40.0, 8.0]])], torch.tensor([[[0.0, 0.0, 20.0, 20.0]]]), torch.tensor([[True]]))
    >>> positive
    tensor([[ True, False]])
    """

    strides: tuple[int, ...]
    radius: float = 1.5

    def __call__(self, points: Sequence[Tensor], boxes: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Match every point.

        Args:
            points: of each level (P, 2) float32 x y in pixels.
            boxes: (B, N, 4) float32 x1 y1 x2 y2 in pixels, N at least 1.
            valid: (B, N) bool, False for objects that nothing may match.

        Returns:
            (B, all P) bool, the points that hold an object; and (B, all P) int64 from 0 to N − 1, which one.
        """
        half = ((boxes[..., 2:] - boxes[..., :2]) / 2)[..., None]
        center = ((boxes[..., 2:] + boxes[..., :2]) / 2)[..., None]
        area = box_area(boxes).masked_fill(~valid, torch.inf)[..., None]
        positive, matched = [], []
        for level, own in enumerate(points):
            smallest = area.new_full((len(boxes), len(own)), torch.inf)
            which = torch.zeros_like(smallest, dtype=torch.int64)
            for part in object_parts(boxes, len(own)):
                fits = self._fits(level, own, half[:, part], center[:, part])
                least, first = torch.where(fits, area[:, part], torch.inf).min(1)
                which = torch.where(least < smallest, first + part.start, which)
                smallest = torch.minimum(smallest, least)
            positive.append(smallest < torch.inf)
            matched.append(which)
        return torch.cat(positive, dim=1), torch.cat(matched, dim=1)

    def _fits(self, level: int, points: Tensor, half: Tensor, center: Tensor) -> Tensor:
        """Return whether each point of a level may learn each object: (B, n, P) bool.

        Args:
            level: index of the level.
            points: (P, 2) x y in pixels.
            half: (B, n, 2, 1), half of each object's width and height.
            center: (B, n, 2, 1), x and y of each object's center.
        """
        stride = self.strides[level]
        across, down = ((points[:, i] - center[:, :, i]).abs() for i in (0, 1))  # (B, n, P) each
        fits = torch.maximum(across, down) < self.radius * stride
        fits &= (across < half[:, :, 0]) & (down < half[:, :, 1])
        farthest = torch.maximum(across + half[:, :, 0], down + half[:, :, 1])
        if level > 0:
            fits &= farthest > 4 * stride
        if level < len(self.strides) - 1:
            fits &= farthest < 8 * stride
        return fits
