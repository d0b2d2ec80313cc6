"""What a batch's tags ask of each class, images that were mixed included."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from hub import Batch
from hub.errors import DataError


def targets(batch: Batch, name: str, encode: Callable[[Tensor], Tensor]) -> Tensor:
    """The target of each class, mixed where the images were.

    Mixed images (mixup, cutmix) come with two more tags: ``name:other`` of the image that was mixed in, and
    ``name:share``, the own one's share from 0 to 1. Losses that are linear in the target are mixed by it, too.

    Args:
        batch: with the tag.
        name: of the tag.
        encode: from the tag to (B, C) float32, NaN where unknown.

    Returns:
        (B, C) float32; NaN where something is unknown that has a share.

    Raises:
        DataError: the batch has no such tag.
    """
    if name not in batch.tags:
        raise DataError(f"the batch has no tag {name!r} to learn from", fix="train on data that do")
    own = encode(batch.tags[name])
    if f"{name}:other" not in batch.tags:
        return own
    other, share = encode(batch.tags[f"{name}:other"]), batch.tags[f"{name}:share"].float().view(-1, 1)
    # Not a plain sum: 0 times something unknown is nothing, not unknown.
    return torch.where(share > 0, share * own, 0.0) + torch.where(share < 1, (1 - share) * other, 0.0)


def class_targets(tag: Tensor, classes: int) -> Tensor:
    """Classes by index as one row each; of an index beyond the classes (255, an unknown class) all NaN.

    Args:
        tag: (B,) integers, or (B, C) shares of the classes, which stay as they are.
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
