"""Boxes as distances from a point to their four sides (Tian et al. 2019, https://arxiv.org/abs/1904.01355)."""

from __future__ import annotations

import torch
from torch import Tensor

_MIN_DISTANCE = 1e-6  # strides; keeps the quotients of what is no object finite


class BoxLinearCoder:
    """Turns boxes into distances (left, top, right, bottom) from the centres of anchors, and back.

    The unit is an anchor's side, which is a level's stride.

    >>> coder = BoxLinearCoder()
    >>> anchor = torch.tensor([0.0, 0.0, 8.0, 8.0])
    >>> coder.encode(torch.tensor([0.0, -4.0, 12.0, 20.0]), anchor)
    tensor([0.5000, 1.0000, 1.0000, 2.0000])
    >>> coder.decode(torch.tensor([0.5, 1.0, 1.0, 2.0]), anchor)
    tensor([ 0., -4., 12., 20.])
    """

    def encode(self, boxes: Tensor, anchors: Tensor) -> Tensor:
        """Distances from the anchors' centres to the sides of ``boxes``.

        Args:
            boxes: (..., 4) float32 x1 y1 x2 y2 in pixels.
            anchors: (..., 4), likewise.

        Returns:
            (..., 4) float32; negative where a centre is outside its box.
        """
        centres = (anchors[..., :2] + anchors[..., 2:]) / 2
        return torch.cat([centres - boxes[..., :2], boxes[..., 2:] - centres], dim=-1) / _sides(anchors)

    def decode(self, distances: Tensor, anchors: Tensor) -> Tensor:
        """The boxes at these distances.

        Args:
            distances: (..., 4) of any floating dtype.
            anchors: (..., 4) float32 x1 y1 x2 y2 in pixels; broadcasts against ``distances``.

        Returns:
            (..., 4) float32 x1 y1 x2 y2 in pixels.
        """
        centres = (anchors[..., :2] + anchors[..., 2:]) / 2
        away = distances.float() * _sides(anchors)
        return torch.cat([centres - away[..., :2], centres + away[..., 2:]], dim=-1)


def centerness(distances: Tensor) -> Tensor:
    """How near the centre of its box a point is (ibid., equation 3).

    Args:
        distances: (..., 4) left, top, right, bottom.

    Returns:
        (...) from 0, on a side or outside, to 1, in the centre.

    >>> centerness(torch.tensor([[1.0, 1.0, 4.0, 1.0], [2.0, 3.0, 2.0, 3.0], [-1.0, 1.0, 2.0, 1.0]]))
    tensor([0.5000, 1.0000, 0.0000])
    """
    start, end = distances[..., :2].clamp(min=0), distances[..., 2:].clamp(min=0)
    ratio = torch.minimum(start, end) / torch.maximum(start, end).clamp(min=_MIN_DISTANCE)
    return ratio.prod(-1).sqrt()


def _sides(anchors: Tensor) -> Tensor:
    return (anchors[..., 2:] - anchors[..., :2]).repeat(*(1,) * (anchors.ndim - 1), 2)
