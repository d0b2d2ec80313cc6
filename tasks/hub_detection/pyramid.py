"""All levels of a feature pyramid as one table of pixels, so that one operation reads from several levels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def flatten_levels(features: Sequence[Tensor]) -> Tensor:
    """Return the pixels of all levels as rows, ordered by level, image, row, column.

    Args:
        features: per level (B, C, H, W), preferably in channels_last layout: then nothing is transposed.

    Returns:
        (sum of B · H · W, C), differentiable.

    >>> flatten_levels([torch.zeros(2, 8, 4, 4), torch.zeros(2, 8, 2, 2)]).shape
    torch.Size([40, 8])
    """
    return torch.cat([f.permute(0, 2, 3, 1).reshape(-1, f.shape[1]) for f in features])


def level_starts(features: Sequence[Tensor], level: Tensor, image: Tensor | None = None) -> Tensor:
    """Return the row of `flatten_levels` at which the feature map of an image starts.

    Args:
        features: as given to `flatten_levels`.
        level: (B, K) int64 indices into ``features``.
        image: (B, K) int64, the image of each; by default row b is of image b.

    Returns:
        (B, K) int64.
    """
    areas = [f.shape[2] * f.shape[3] for f in features]
    starts = [f.shape[0] * sum(areas[:i]) for i, f in enumerate(features)]
    if image is None:
        image = torch.arange(level.shape[0], device=level.device)[:, None]
    return per_level(level, starts) + image * per_level(level, areas)


def neighborhoods(features: Sequence[Tensor], cells: Tensor) -> Tensor:
    """Return the 3 × 3 pixels around some cells, zero-padded outside the maps: the input of a convolution there.

    Args:
        features: per level (B, C, H, W).
        cells: (B, K) int64, numbered through all levels of an image.

    Returns:
        (B, K, 9 · C) ordered by row, column, channel, differentiable.
    """
    areas = [f.shape[2] * f.shape[3] for f in features]
    ends = [sum(areas[: i + 1]) for i in range(len(areas))]
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
    """Return ``values[level]`` without copying a table to the device, which would synchronize with it.

    >>> per_level(torch.tensor([0, 2, 2]), [4, 8, 16])
    tensor([ 4, 16, 16])
    """
    out = torch.full_like(level, values[0])
    for i, value in enumerate(values[1:], start=1):
        out = torch.where(level == i, value, out)
    return out
