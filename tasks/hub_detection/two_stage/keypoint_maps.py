"""Convert keypoints in pixels to cells of heatmaps over boxes, and back."""

from __future__ import annotations

import torch
from torch import Tensor

_RADIUS = 3  # cells on each side of the best one that are read
_STEPS = 8  # positions that are tried in a cell, along each axis
_CUBIC = -0.5  # of the cubic convolution kernel: with it the peak of a parabola keeps its position (Keys 1981)


def keypoints_to_heatmap(keypoints: Tensor, boxes: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Return the cell of its box's heatmap in which each keypoint lies (He et al. 2017, section 5), like torchvision.

    Args:
        keypoints: (M, K, 3) float32, x y in pixels and visibility.
        boxes: (M, 4) float32 x1 y1 x2 y2 in pixels.
        size: height and width of the heatmap.

    Returns:
        (M, K) int64 cells, ordered by row, column; and (M, K) bool, whether the keypoint is visible and in the box. A
        keypoint on the right or lower edge is in the last cell. Cells of other keypoints are 0.

    >>> keypoints_to_heatmap(torch.tensor([[[5.0, 0.0, 2.0]]]), torch.tensor([[0.0, 0.0, 10.0, 10.0]]), 4)
    (tensor([[2]]), tensor([[True]]))
    """
    top_left, bottom_right = boxes[:, None, :2], boxes[:, None, 2:]
    points = keypoints[..., :2]
    cell = ((points - top_left) * (size / (bottom_right - top_left).clamp(min=1e-6))).floor().long()
    cell = torch.where(points == bottom_right, size - 1, cell)
    visible = ((cell >= 0) & (cell < size)).all(-1) & (keypoints[..., 2] > 0)
    return (cell[..., 1] * size + cell[..., 0]) * visible, visible


def heatmaps_to_keypoints(logits: Tensor, boxes: Tensor) -> Tensor:
    """Return the position of each heatmap's maximum, to an eighth of a cell.

    The heatmap is interpolated by cubic convolution (Keys 1981), and the maximum is searched within one cell around the
    best one. torchvision and detectron2 resize each heatmap to its box instead, one box after the other, and take the
    best pixel: for boxes smaller than the heatmap that is less precise.

    Args:
        logits: (M, K, size, size) float32.
        boxes: (M, 4) float32 x1 y1 x2 y2 in pixels.

    Returns:
        (M, K, 3) float32: x and y in pixels, and the part of the softmax that lies within 3 cells.
    """
    size = logits.shape[-1]
    best = logits.flatten(2).argmax(-1)
    cell = torch.stack([torch.div(best, size, rounding_mode="floor"), best % size], dim=-1)
    around = torch.arange(-_RADIUS, _RADIUS + 1, device=logits.device)
    rows, columns = cell[..., :1] + around, cell[..., 1:] + around
    inside = ((rows >= 0) & (rows < size))[..., :, None] & ((columns >= 0) & (columns < size))[..., None, :]
    index = rows.clamp(0, size - 1)[..., :, None] * size + columns.clamp(0, size - 1)[..., None, :]
    patch = logits.flatten(2).gather(2, index.flatten(2)).view(*index.shape)
    probability = (patch - logits.flatten(2).logsumexp(-1)[..., None, None]).exp() * inside
    kernel = _interpolation_kernel(logits.device)
    surface = kernel @ patch @ kernel.T
    maximum = surface.flatten(2).argmax(-1)
    side = len(kernel)
    offset = torch.stack([torch.div(maximum, side, rounding_mode="floor"), maximum % side], dim=-1) / _STEPS - 1
    relative = ((cell + offset + 0.5) / size).clamp(0, 1).flip(-1)
    top_left, bottom_right = boxes[:, None, :2], boxes[:, None, 2:]
    score = probability.sum((-1, -2))[..., None]
    return torch.cat([top_left + relative * (bottom_right - top_left), score], dim=-1)


def _interpolation_kernel(device: torch.device) -> Tensor:
    """Return (17, 7): weights of the 7 cells at positions from one cell before the middle one to one after it."""
    positions = torch.arange(-_STEPS, _STEPS + 1, device=device) / _STEPS
    distance = (positions[:, None] - torch.arange(-_RADIUS, _RADIUS + 1, device=device)).abs()
    a = _CUBIC
    near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
    far = a * (((distance - 5) * distance + 8) * distance - 4)
    return torch.where(distance <= 1, near, torch.where(distance < 2, far, torch.zeros_like(far)))
