"""The target of each class, from a batch's tags and the mixing ratio of mixed images."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from hub import Batch
from hub.errors import DataError


def mixed_targets(batch: Batch, name: str, encode: Callable[[Tensor], Tensor]) -> Tensor:
    """Return the target of each class, mixed like the images.

    Mixed images (mixup, cutmix) come with two more tags: ``name:other``, the tag of the image that was mixed in, and
    ``name:share``, the part of the first image from 0 to 1. Losses that are linear in the target are mixed by it, too.

    Args:
        batch: with the tag.
        name: of the tag.
        encode: maps the tag to (B, C) float32, NaN where unknown.

    Returns:
        (B, C) float32; NaN where a target with a share above 0 is unknown.

    Raises:
        DataError: the batch has no such tag.
    """
    if name not in batch.tags:
        raise DataError(f"the batch has no tag {name!r} to learn from", fix="train on a dataset that provides it")
    own = encode(batch.tags[name])
    if f"{name}:other" not in batch.tags:
        return own
    other, share = encode(batch.tags[f"{name}:other"]), batch.tags[f"{name}:share"].float().view(-1, 1)
    # Not a plain sum: 0 times an unknown target must be 0, not NaN.
    return torch.where(share > 0, share * own, 0.0) + torch.where(share < 1, (1 - share) * other, 0.0)


def class_targets(tag: Tensor, classes: int) -> Tensor:
    """One-hot encode class indices; the row of an index that is not a class (255) is NaN.

    Args:
        tag: (B,) integers, or (B, C) probabilities, which are returned as they are.
        classes: C.

    >>> class_targets(torch.tensor([1, 255]), 2)
    tensor([[0., 1.],
            [nan, nan]])
    """
    if tag.ndim > 1:
        return tag.float()
    known = (tag >= 0) & (tag < classes)
    rows = one_hot(torch.where(known, tag, 0).long(), classes).float()
    return rows.masked_fill(~known[:, None], torch.nan)
