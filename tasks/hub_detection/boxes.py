"""Boxes as tensors (..., 4) of x1 y1 x2 y2 in pixels: area, overlap, clipping, and picking by index."""

from __future__ import annotations

import torch
from torch import Tensor


def box_area(boxes: Tensor) -> Tensor:
    """Return the areas of boxes in square pixels.

    Args:
        boxes: (..., 4).

    Returns:
        (...) of the same dtype.

    >>> box_area(torch.tensor([[1.0, 1.0, 3.0, 5.0]]))
    tensor([8.])
    """
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def box_iou(boxes: Tensor, others: Tensor) -> Tensor:
    """Return the intersection over union of every pair of boxes; 0 if neither has an area.

    Args:
        boxes: (..., N, 4).
        others: (..., M, 4); its leading dimensions broadcast against those of ``boxes``.

    Returns:
        (..., N, M) from 0 to 1. Not differentiable: with all anchors this is the largest tensor of a training step,
        so it is computed in place.

    >>> others = torch.tensor([[0.0, 0.0, 2.0, 1.0], [5.0, 5.0, 6.0, 6.0]])
    >>> box_iou(torch.tensor([[0.0, 0.0, 2.0, 2.0]]), others)
    tensor([[0.5000, 0.0000]])
    """
    a, b = boxes.detach().unsqueeze(-2), others.detach().unsqueeze(-3)
    inter = torch.minimum(a[..., 2], b[..., 2]).sub_(torch.maximum(a[..., 0], b[..., 0])).clamp_(min=0)
    inter.mul_(torch.minimum(a[..., 3], b[..., 3]).sub_(torch.maximum(a[..., 1], b[..., 1])).clamp_(min=0))
    union = (box_area(a) + box_area(b)).sub_(inter).clamp_(min=torch.finfo(inter.dtype).tiny)
    return inter.div_(union)


def clip_boxes(boxes: Tensor, sizes: Tensor) -> Tensor:
    """Move corners that lie outside their image onto its border.

    Args:
        boxes: (B, ..., 4).
        sizes: (B, 2), height and width of each image in pixels.

    Returns:
        (B, ..., 4) within 0 and width, 0 and height.

    >>> clip_boxes(torch.tensor([[[-1.0, 2.0, 9.0, 9.0]]]), torch.tensor([[4, 6]]))
    tensor([[[0., 2., 6., 4.]]])
    """
    limits = sizes.to(boxes.dtype).flip(-1).repeat(1, 2)
    return boxes.clamp(min=0).minimum(limits.view(len(boxes), *(1,) * (boxes.ndim - 2), 4))


def sides_at_least(boxes: Tensor, side: float) -> Tensor:
    """Return whether both sides of each box (..., 4) have at least this many pixels: (...) bool."""
    return ((boxes[..., 2:] - boxes[..., :2]) >= side).all(-1)


def pick(values: Tensor, index: Tensor) -> Tensor:
    """Select rows of each image by index.

    Args:
        values: (B, M, ...).
        index: (B, K) int64.

    Returns:
        (B, K, ...): ``values[b, index[b, k]]``, differentiable.

    >>> pick(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1], [0]])).tolist()
    [[2.0], [3.0]]
    """
    trailing = values.shape[2:]
    return values.gather(1, index.view(*index.shape, *(1,) * len(trailing)).expand(*index.shape, *trailing))
