"""RoIAlign (He et al. 2017, section 3) on all levels of a pyramid at once, as sums of weighted rows of a table.

With a fixed number of samples, a bin is a weighted sum of pixels, and the weights are products of one factor for
the row and one for the column. So all bins of all boxes on all levels are one `embedding_bag` over the pixels of all
maps, laid out one after the other: many times faster on a CPU than a loop over bins, and without a kernel of our own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from hub.errors import OptionError
from hub_detection.pyramid import flatten_levels, level_starts, per_level

_CANONICAL_SIZE, _CANONICAL_LEVEL = (
    224,
    4,
)  # a box of 224² pixels is pooled from stride 16 (Lin et al. 2017, eq. 1)
_EPSILON = 1e-6  # torchvision's, so that boxes on the border between two levels fall alike


class RoIAlign(nn.Module):
    """Pools boxes into grids of one size, each from the level that suits its size.

    Args:
        strides: of the levels, each twice the one before.
        size: side of the grid, in bins.
        sampling_ratio: samples along each side of a bin.
        aligned: shift by half a pixel and leave boxes below one cell as small as they are, as detectron2.

    Raises:
        OptionError: the strides do not double.

    >>> pool = RoIAlign(strides=(4, 8), size=2)
    >>> maps = [torch.ones(1, 3, 16, 16), torch.zeros(1, 3, 8, 8)]
    >>> pool(maps, torch.tensor([[[0.0, 0.0, 32.0, 32.0]]])).shape
    torch.Size([1, 3, 2, 2])
    """

    def __init__(
        self, strides: Sequence[int], *, size: int = 7, sampling_ratio: int = 2, aligned: bool = False
    ) -> None:
        super().__init__()
        if not strides or any(b != 2 * a for a, b in pairwise(strides)):
            raise OptionError(f"boxes cannot be pooled from strides {tuple(strides)}", fix="use consecutive levels")
        self.strides = tuple(strides)
        self.size = size
        self.sampling_ratio = sampling_ratio
        self.aligned = aligned

    def forward(self, features: Sequence[Tensor], boxes: Tensor, image: Tensor | None = None) -> Tensor:
        """Pool.

        Args:
            features: of each level (B, C, H, W), best in channels_last layout: then nothing is transposed.
            boxes: (B, R, 4) float32 x1 y1 x2 y2 in pixels of the image; no gradient flows into them.
            image: (B, R) int64, the image of each box; by default row b is of image b.

        Returns:
            (B · R, C, size, size) of the features' dtype, in channels_last layout.
        """
        table = flatten_levels(features)
        index, weight = self._bins(features, boxes.detach(), image)
        pooled = _WeightedRows.apply(table, index, weight.to(table.dtype))
        grids: Tensor = pooled.view(-1, self.size, self.size, table.shape[1]).permute(0, 3, 1, 2)
        return grids

    def level_of(self, boxes: Tensor) -> Tensor:
        """The place in ``strides`` of the level that each box (..., 4) is pooled from: (...) int64.

        Equation 1 of Lin et al. 2017 (https://arxiv.org/abs/1612.03144).
        """
        sides = ((boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])).sqrt()
        level = (_CANONICAL_LEVEL + torch.log2(sides / _CANONICAL_SIZE) + _EPSILON).floor()
        lowest = int(math.log2(self.strides[0]))
        # Clamped again as integers: a box of a diverged network (NaN) must not point outside.
        return (level.clamp(lowest, lowest + len(self.strides) - 1).long() - lowest).clamp(0, len(self.strides) - 1)

    def _bins(self, features: Sequence[Tensor], boxes: Tensor, image: Tensor | None) -> tuple[Tensor, Tensor]:
        """For each bin the rows it takes, (B·R·size², (2·sampling_ratio)²) int32, and their weights."""
        level = self.level_of(boxes)
        height = per_level(level, [f.shape[2] for f in features])
        width = per_level(level, [f.shape[3] for f in features])
        scaled = boxes / per_level(level, self.strides)[..., None] - (0.5 if self.aligned else 0.0)
        rows, row_weight = self._axis(scaled[..., 1], scaled[..., 3], height)
        columns, column_weight = self._axis(scaled[..., 0], scaled[..., 2], width)
        rows = (level_starts(features, level, image)[..., None, None] + rows * width[..., None, None]).int()
        index = rows[..., :, None, :, None] + columns.int()[..., None, :, None, :]
        weight = row_weight[..., :, None, :, None] * column_weight[..., None, :, None, :]
        bins = level.numel() * self.size**2
        return index.reshape(bins, -1), weight.reshape(bins, -1)

    def _axis(self, low: Tensor, high: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
        """Along one axis the two pixels around every sample, and their shares of the bin's mean.

        Args:
            low, high: (B, R), the boxes' sides in cells of their level.
            length: (B, R) int64, cells that the level has along this axis.

        Returns:
            (B, R, size, 2 · sampling_ratio) int64 cells and float32 weights, which sum to 1 inside the map.
        """
        extent = high - low if self.aligned else (high - low).clamp(min=1.0)
        steps = torch.arange(self.size * self.sampling_ratio, device=low.device) + 0.5
        at = low[..., None] + steps * (extent / (self.size * self.sampling_ratio))[..., None]
        last = (length - 1)[..., None]
        inside = (at >= -1) & (at <= length[..., None])  # farther out a sample counts as 0, nearer it is moved in
        at = at.clamp(min=0).minimum(last.to(at.dtype))
        below = at.long().clamp(min=0).minimum(last)
        share = at - below
        cells = torch.stack([below, (below + 1).minimum(last)], dim=-1)
        weights = torch.stack([1 - share, share], dim=-1) * (inside / self.sampling_ratio)[..., None]
        shape = (*low.shape, self.size, 2 * self.sampling_ratio)
        return cells.view(shape), weights.view(shape)


class _WeightedRows(torch.autograd.Function):
    """Sums of weighted rows of a table, whose backward is the same operation on the transposed indices.

    `embedding_bag`'s own backward adds into the table row by row, in the table's precision. Sorting the indices
    turns the gradient into another `embedding_bag`: three to five times faster, summed in float32, in fixed order.
    """

    @staticmethod
    def forward(ctx: Any, table: Tensor, index: Tensor, weight: Tensor) -> Tensor:
        """(rows, C), (bags, K) int32, (bags, K) → (bags, C)."""
        ctx.save_for_backward(index, weight)
        ctx.rows = table.shape[0]
        return F.embedding_bag(index, table, mode="sum", per_sample_weights=weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        """(bags, C) → (rows, C)."""
        index, weight = ctx.saved_tensors
        ordered, order = index.flatten().sort(stable=True)
        starts = torch.searchsorted(ordered, torch.arange(ctx.rows, dtype=ordered.dtype, device=ordered.device))
        bags = (order // index.shape[1]).int()
        grad = F.embedding_bag(
            bags, grads[0].contiguous(), starts.int(), mode="sum", per_sample_weights=weight.flatten()[order]
        )
        return grad, None, None
