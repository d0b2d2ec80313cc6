"""From masks on the grids of their boxes to masks of the image."""

from __future__ import annotations

import torch
from torch import Tensor

_PIXELS = 2**24  # that are held at once as floats: 64 MiB


def paste_masks(masks: Tensor, boxes: Tensor, size: tuple[int, int], *, threshold: float = 0.5) -> Tensor:
    """Draw each mask into its box, interpolating between the centres of its cells.

    Bilinear interpolation on a grid is separable: a mask is drawn by multiplying it with one matrix for the rows and
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
    step = max(1, _PIXELS // max(1, height * width))
    for start in range(0, len(masks), step):
        part = slice(start, start + step)
        rows = _weights(boxes[part, 1], boxes[part, 3], height, masks.shape[1])
        columns = _weights(boxes[part, 0], boxes[part, 2], width, masks.shape[2])
        values = rows @ masks[part].float() @ columns.transpose(1, 2)
        # Where nothing of the mask reaches, the value is 0, which is no object at a threshold of 0 either.
        torch.logical_and(values >= threshold, values > 0, out=out[part])
    return out


def _weights(low: Tensor, high: Tensor, pixels: int, cells: int) -> Tensor:
    """How much of each cell each pixel takes: (D, pixels, cells), at most two of them above 0 in a row."""
    centres = torch.arange(pixels, device=low.device) + 0.5
    scale = cells / (high - low).clamp(min=1e-6)
    at = (centres - low[:, None]) * scale[:, None] - 0.5
    return (1 - (at[..., None] - torch.arange(cells, device=low.device)).abs()).clamp(min=0)
