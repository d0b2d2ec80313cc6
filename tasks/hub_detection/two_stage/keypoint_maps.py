"""Between keypoints in pixels and cells of the maps that are laid over boxes."""

from __future__ import annotations

import torch
from torch import Tensor

_REACH = 3  # cells on each side of the best one that are read
_STEPS = 8  # places that are tried in a cell, along each axis
_CUBIC = -0.5  # of the cubic convolution kernel: with it the peak of a parabola stays in its place (Keys 1981)


def keypoint_cells(keypoints: Tensor, boxes: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """The cell of its box's map that each keypoint falls into (He et al. 2017, section 5; rules of torchvision).

    Args:
        keypoints: (M, K, 3) float32, x y in pixels and visibility.
        boxes: (M, 4) float32 x1 y1 x2 y2 in pixels.
        size: side of the map.

    Returns:
        (M, K) int64 cells, rows then columns; and (M, K) bool, whether the keypoint is visible and in the box. A
        point on the right or lower border is in the last cell. Cells of other keypoints are 0.

    >>> keypoint_cells(torch.tensor([[[5.0, 0.0, 2.0]]]), torch.tensor([[0.0, 0.0, 10.0, 10.0]]), 4)
    (tensor([[2]]), tensor([[True]]))
    """
    corner, far = boxes[:, None, :2], boxes[:, None, 2:]
    points = keypoints[..., :2]
    cell = ((points - corner) * (size / (far - corner).clamp(min=1e-6))).floor().long()
    cell = torch.where(points == far, size - 1, cell)
    visible = ((cell >= 0) & (cell < size)).all(-1) & (keypoints[..., 2] > 0)
    return (cell[..., 1] * size + cell[..., 0]) * visible, visible


def decode_keypoints(logits: Tensor, boxes: Tensor) -> Tensor:
    """Where each map is highest, to an eighth of a cell.

    The map is a surface through the centres of its cells (cubic convolution, Keys 1981), of which the highest
    place within a cell around the best one is sought. torchvision and detectron2 look for it among the pixels of a
    map enlarged to the box's size, one box after the other: for boxes smaller than the map they are coarser.

    Args:
        logits: (M, K, size, size) float32.
        boxes: (M, 4) float32 x1 y1 x2 y2 in pixels.

    Returns:
        (M, K, 3) float32: x and y in pixels, and the share of the softmax that lies within 3 cells.
    """
    size = logits.shape[-1]
    best = logits.flatten(2).argmax(-1)
    cell = torch.stack([torch.div(best, size, rounding_mode="floor"), best % size], dim=-1)
    around = torch.arange(-_REACH, _REACH + 1, device=logits.device)
    rows, columns = cell[..., :1] + around, cell[..., 1:] + around
    inside = ((rows >= 0) & (rows < size))[..., :, None] & ((columns >= 0) & (columns < size))[..., None, :]
    index = rows.clamp(0, size - 1)[..., :, None] * size + columns.clamp(0, size - 1)[..., None, :]
    patch = logits.flatten(2).gather(2, index.flatten(2)).view(*index.shape)
    share = (patch - logits.flatten(2).logsumexp(-1)[..., None, None]).exp() * inside
    kernel = _surface(logits.device)
    surface = kernel @ patch @ kernel.T
    top = surface.flatten(2).argmax(-1)
    side = len(kernel)
    offset = torch.stack([torch.div(top, side, rounding_mode="floor"), top % side], dim=-1) / _STEPS - 1
    at = ((cell + offset + 0.5) / size).clamp(0, 1).flip(-1)
    corner, far = boxes[:, None, :2], boxes[:, None, 2:]
    return torch.cat([corner + at * (far - corner), share.sum((-1, -2))[..., None]], dim=-1)


def _surface(device: torch.device) -> Tensor:
    """(17, 7): weights of the 7 cells at places from one cell before the middle one to one after it."""
    places = torch.arange(-_STEPS, _STEPS + 1, device=device) / _STEPS
    distance = (places[:, None] - torch.arange(-_REACH, _REACH + 1, device=device)).abs()
    a = _CUBIC
    near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
    far = a * (((distance - 5) * distance + 8) * distance - 4)
    return torch.where(distance <= 1, near, torch.where(distance < 2, far, torch.zeros_like(far)))
