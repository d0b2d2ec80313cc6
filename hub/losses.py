"""Losses that heads of several packages share: averages over known values only."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

__all__ = ["masked_bce_with_logits", "masked_mean"]


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of ``values`` where ``mask`` is True; 0, with gradients of 0, if it is True nowhere.

    >>> import torch
    >>> masked_mean(torch.tensor([1.0, 5.0, 9.0]), torch.tensor([True, True, False]))
    tensor(3.)
    """
    return (values * mask).sum() / mask.sum().clamp(min=1)


def masked_bce_with_logits(logits: Tensor, targets: Tensor, *, pos_weight: Tensor | None = None) -> Tensor:
    """Return the binary cross-entropy, averaged over known targets; 0, with gradients of 0, if none is known.

    Args:
        logits: (B, C) of any floating dtype.
        targets: (B, C) from 0 to 1, NaN where unknown.
        pos_weight: (C,) factor of the loss of positive targets; see `torch.nn.BCEWithLogitsLoss`.

    Returns:
        A float32 scalar.

    >>> import torch
    >>> masked_bce_with_logits(torch.zeros(1, 3), torch.tensor([[0.0, 1.0, torch.nan]]))
    tensor(0.6931)
    """
    known = targets.isfinite()
    values = F.binary_cross_entropy_with_logits(
        logits.float(), targets.float().masked_fill(~known, 0.0), pos_weight=pos_weight, reduction="none"
    )
    return masked_mean(values, known)
