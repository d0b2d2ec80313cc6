"""All levels of a pyramid as one table of pixels, so that places on different levels are read in one operation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def flatten_levels(features: Sequence[Tensor]) -> Tensor:
    """The pixels of all levels, one a row: levels one after the other, in each its images, in these rows, columns.

    Args:
        features: of each level (B, C, H, W), best in channels_last layout: then nothing is transposed.

    Returns:
        (sum of B · H · W, C), differentiable.

    >>> flatten_levels([torch.zeros(2, 8, 4, 4), torch.zeros(2, 8, 2, 2)]).shape
    torch.Size([40, 8])
    """
    return torch.cat([f.permute(0, 2, 3, 1).reshape(-1, f.shape[1]) for f in features])


def level_starts(features: Sequence[Tensor], level: Tensor, image: Tensor | None = None) -> Tensor:
    """The row of `flatten_levels` where the map of an image begins.

    Args:
        features: as given to `flatten_levels`.
        level: (B, K) int64, places in ``features``.
        image: (B, K) int64, the image of each; by default row b is of image b.

    Returns:
        (B, K) int64.
    """
    areas = [f.shape[2] * f.shape[3] for f in features]
    starts = [len(f) * sum(areas[:i]) for i, f in enumerate(features)]
    if image is None:
        image = torch.arange(len(level), device=level.device)[:, None]
    return per_level(level, starts) + image * per_level(level, areas)


def neighborhoods(features: Sequence[Tensor], cells: Tensor) -> Tensor:
    """The 3 × 3 pixels around some cells, 0 outside the maps: what a convolution there would see.

    Args:
        features: of each level (B, C, H, W).
        cells: (B, K) int64, counted through all levels of an image.

    Returns:
        (B, K, 9 · C) in the order of rows, columns, channels, differentiable.
    """
    sizes = [f.shape[2] * f.shape[3] for f in features]
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    level = torch.stack([cells >= end for end in ends[:-1]]).sum(0) if ends[:-1] else torch.zeros_like(cells)
    local = cells - per_level(level, [0, *ends])
    height = per_level(level, [f.shape[2] for f in features])[..., None, None]
    width = per_level(level, [f.shape[3] for f in features])[..., None, None]
    around = torch.arange(-1, 2, device=cells.device)
    rows = local[..., None, None] // width + around[:, None]
    columns = local[..., None, None] % width + around
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    index = level_starts(features, level)[..., None, None] + rows * width + columns
    pixels = F.embedding(index.masked_fill(~inside, 0), flatten_levels(features))
    return (pixels * inside[..., None]).flatten(2)


def per_level(level: Tensor, values: Sequence[int]) -> Tensor:
    """``values[level]`` without copying a table to the device, which would wait for it.

    >>> per_level(torch.tensor([0, 2, 2]), [4, 8, 16])
    tensor([ 4, 16, 16])
    """
    out = torch.full_like(level, values[0])
    for i, value in enumerate(values[1:], start=1):
        out = torch.where(level == i, value, out)
    return out
