"""Boxes as distances from a point to their four sides (Tian et al. 2019, https://arxiv.org/abs/1904.01355)."""

from __future__ import annotations

import torch
from torch import Tensor

_MIN_DISTANCE = 1e-6  # strides; keeps the quotients finite for points outside of every box


class BoxLinearCoder:
    """Encode boxes as distances (left, top, right, bottom) from the centers of anchors, and decode them.

    The unit is the side of an anchor, which is the stride of its level.

    >>> coder = BoxLinearCoder()
    >>> anchor = torch.tensor([0.0, 0.0, 8.0, 8.0])
    >>> coder.encode(torch.tensor([0.0, -4.0, 12.0, 20.0]), anchor)
    tensor([0.5000, 1.0000, 1.0000, 2.0000])
    >>> coder.decode(torch.tensor([0.5, 1.0, 1.0, 2.0]), anchor)
    tensor([ 0., -4., 12., 20.])
    """

    def encode(self, boxes: Tensor, anchors: Tensor) -> Tensor:
        """Return the distances from the centers of anchors to the sides of ``boxes``.

        Args:
            boxes: (..., 4) float32 x1 y1 x2 y2 in pixels.
            anchors: (..., 4), likewise.

        Returns:
            (..., 4) float32; negative where a center is outside its box.
        """
        centers = (anchors[..., :2] + anchors[..., 2:]) / 2
        return torch.cat([centers - boxes[..., :2], boxes[..., 2:] - centers], dim=-1) / _sizes(anchors)

    def decode(self, distances: Tensor, anchors: Tensor) -> Tensor:
        """Return the boxes at these distances from the centers of anchors.

        Args:
            distances: (..., 4) of any floating dtype.
            anchors: (..., 4) float32 x1 y1 x2 y2 in pixels; broadcast against ``distances``.

        Returns:
            (..., 4) float32 x1 y1 x2 y2 in pixels.
        """
        centers = (anchors[..., :2] + anchors[..., 2:]) / 2
        in_pixels = distances.float() * _sizes(anchors)
        return torch.cat([centers - in_pixels[..., :2], centers + in_pixels[..., 2:]], dim=-1)


def centerness(distances: Tensor) -> Tensor:
    """Return how close points are to the centers of their boxes (ibid., equation 3).

    Args:
        distances: (..., 4) left, top, right, bottom.

    Returns:
        (...) from 0, on a side or outside, to 1, at the center.

    >>> centerness(torch.tensor([[1.0, 1.0, 4.0, 1.0], [2.0, 3.0, 2.0, 3.0], [-1.0, 1.0, 2.0, 1.0]]))
    tensor([0.5000, 1.0000, 0.0000])
    """
    top_left, bottom_right = distances[..., :2].clamp(min=0), distances[..., 2:].clamp(min=0)
    longer = torch.maximum(top_left, bottom_right).clamp(min=_MIN_DISTANCE)
    return (torch.minimum(top_left, bottom_right) / longer).prod(-1).sqrt()


def _sizes(anchors: Tensor) -> Tensor:
    return (anchors[..., 2:] - anchors[..., :2]).repeat(*(1,) * (anchors.ndim - 1), 2)
