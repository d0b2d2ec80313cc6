"""Paste masks on the grids of their boxes into masks of the image."""

from __future__ import annotations

import torch
from torch import Tensor

_MAX_PIXELS = 2**24  # held at once as floats: 64 MiB


def paste_masks(masks: Tensor, boxes: Tensor, size: tuple[int, int], *, threshold: float = 0.5) -> Tensor:
    """Paste each mask into its box, interpolating bilinearly between the centers of its cells.

    Bilinear interpolation on a grid is separable: a mask is resized by multiplying it with one matrix for the rows and
    one for the columns, many masks at a time. Outside its box a mask fades to 0 within half a cell, as with
    `torch.nn.functional.grid_sample`.

    Args:
        masks: (D, h, w) float32 from 0 to 1.
        boxes: (D, 4) float32 x1 y1 x2 y2 in pixels of the image.
        size: (H, W) of the image.
        threshold: pixels with at least this value belong to the object.

    Returns:
        (D, H, W) bool.

    >>> paste_masks(torch.ones(1, 2, 2), torch.tensor([[1.0, 0.0, 3.0, 2.0]]), (2, 4)).int().tolist()
    [[[0, 1, 1, 0], [0, 1, 1, 0]]]
    """
    height, width = size
    out = torch.zeros(len(masks), height, width, dtype=torch.bool, device=masks.device)
    step = max(1, _MAX_PIXELS // max(1, height * width))
    for start in range(0, len(masks), step):
        part = slice(start, start + step)
        rows = _weights(boxes[part, 1], boxes[part, 3], height, masks.shape[1])
        columns = _weights(boxes[part, 0], boxes[part, 2], width, masks.shape[2])
        values = rows @ masks[part].float() @ columns.transpose(1, 2)
        # Outside the mask the value is 0, which does not belong to the object even with a threshold of 0.
        torch.logical_and(values >= threshold, values > 0, out=out[part])
    return out


def _weights(low: Tensor, high: Tensor, pixels: int, cells: int) -> Tensor:
    """Return the weight of each cell in each pixel: (D, pixels, cells), at most two above 0 per pixel."""
    centers = torch.arange(pixels, device=low.device) + 0.5
    scale = cells / (high - low).clamp(min=1e-6)
    position = (centers - low[:, None]) * scale[:, None] - 0.5
    return (1 - (position[..., None] - torch.arange(cells, device=low.device)).abs()).clamp(min=0)
