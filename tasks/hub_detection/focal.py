"""The focal loss (Lin et al. 2017, https://arxiv.org/abs/1708.02002, equation 5) over all anchors of an image."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def focal_loss(
    logits: Tensor, labels: Tensor, positive: Tensor, counted: Tensor, *, alpha: float = 0.25, gamma: float = 2.0
) -> Tensor:
    """The sum over the anchors and classes of each image.

    The targets are never laid out: all classes of all anchors are taken for negative, and where one is positive the
    difference is added.

    Args:
        logits: (B, cells, classes, A) of any floating dtype, A anchors a cell.
        labels: (B, cells, A) int64, the class of each positive anchor; any class elsewhere.
        positive: (B, cells, A) bool, the anchors that hold an object.
        counted: (B, cells, A) bool, False for anchors that are not learned from; True where ``positive``.
        alpha: weight of a positive class; a negative one has 1 − alpha.
        gamma: the larger, the less what is easy counts.

    Returns:
        (B,) float32.

    >>> import torch
    >>> yes = torch.ones(1, 1, 1, dtype=torch.bool)
    >>> focal_loss(torch.zeros(1, 1, 2, 1), yes.long(), yes, yes, alpha=0.5, gamma=0.0)  # ln 2 / 2 for each class
    tensor([0.6931])
    """
    logits = logits.float()
    own = logits.gather(2, labels[:, :, None]).squeeze(2)
    negative = (1 - alpha) * _wrong(logits, gamma).sum(2)
    instead = alpha * _wrong(-own, gamma) - (1 - alpha) * _wrong(own, gamma)
    return (negative * counted + instead * positive).sum((1, 2))


def _wrong(logits: Tensor, gamma: float) -> Tensor:
    """The loss of these logits where the class is not there, before it is weighted: −pᵞ · log(1 − p)."""
    return (gamma * F.logsigmoid(logits)).exp() * F.softplus(logits)  # finite, and so is its gradient, for any logit
