"""Sample a fixed number of boxes for training, with a limited fraction of positive boxes."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Sample(NamedTuple):
    """Sampled boxes, positive boxes first.

    Attributes:
        indices: (B, S) int64 into the M boxes; arbitrary where not valid.
        positive: (B, S) bool.
        valid: (B, S) bool, False in slots without a box.
    """

    indices: Tensor
    positive: Tensor
    valid: Tensor


def sample(positive: Tensor, negative: Tensor, *, size: int, positive_fraction: float) -> Sample:
    """Sample boxes of each image without replacement, with torch's default generator.

    Args:
        positive: (B, M) bool.
        negative: (B, M) bool, disjoint from ``positive``.
        size: boxes to sample per image; S = min(size, M).
        positive_fraction: maximum fraction of ``size`` that is positive; the rest is negative.

    Returns:
        The sampled boxes.

    >>> drawn = sample(torch.tensor([[True, False, False]]), torch.tensor([[False, True, True]]),
    ...     size=2, positive_fraction=0.5)
    >>> drawn.positive, drawn.valid
    (tensor([[ True, False]]), tensor([[True, True]]))
    """
    most = positive.shape[1]
    key = torch.rand(positive.shape, device=positive.device)
    chosen, where = key.masked_fill(~positive, -1).topk(min(int(size * positive_fraction), most))
    # A second top-k: sampled positives have key 2, negatives 0 to 1, and invalid slots -1.
    key = key.masked_fill(~negative, -1)
    key = key.scatter(1, where, torch.where(chosen >= 0, 2.0, key.gather(1, where)))
    drawn, indices = key.topk(min(size, most))
    return Sample(indices, positive=drawn == 2, valid=drawn >= 0)
