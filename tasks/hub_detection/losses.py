"""Losses over boxes of fixed number, of which some do not count; always float32."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from hub_detection.giou import giou_loss


def mean_over(values: Tensor, counts: Tensor) -> Tensor:
    """The mean of those ``values`` that count; 0, with gradients of 0, if none does.

    >>> import torch
    >>> mean_over(torch.tensor([1.0, 5.0, 9.0]), torch.tensor([True, True, False]))
    tensor(3.)
    """
    return (values * counts).sum() / counts.sum().clamp(min=1)


def objectness_loss(logits: Tensor, positive: Tensor, valid: Tensor) -> Tensor:
    """Binary cross-entropy, the mean over valid boxes.

    Args:
        logits: (B, S) of any floating dtype.
        positive, valid: (B, S) bool.
    """
    values = F.binary_cross_entropy_with_logits(logits.float(), positive.float(), reduction="none")
    return mean_over(values, valid)


def class_loss(logits: Tensor, labels: Tensor, valid: Tensor) -> Tensor:
    """Softmax cross-entropy, the mean over valid boxes.

    Args:
        logits: (B, S, classes) of any floating dtype.
        labels: (B, S) int64.
        valid: (B, S) bool.
    """
    values = F.cross_entropy(logits.flatten(0, 1).float(), labels.flatten(), reduction="none")
    return mean_over(values, valid.flatten())


def box_loss(offsets: Tensor, targets: Tensor, positive: Tensor, valid: Tensor, *, beta: float) -> Tensor:
    """Smooth L1 (Girshick 2015, equation 3) summed over positive boxes, divided by the number of valid ones.

    Dividing by all of them gives every object the same weight, however many others its image has (ibid.).

    Args:
        offsets: (B, S, 4) of any floating dtype.
        targets: (B, S, 4) float32, finite everywhere.
        positive, valid: (B, S) bool.
        beta: where the loss turns from square to linear; 0 is plain L1.
    """
    values = F.smooth_l1_loss(offsets.float(), targets, beta=beta, reduction="none").sum(-1)
    return (values * positive).sum() / valid.sum().clamp(min=1)


def giou_box_loss(boxes: Tensor, targets: Tensor, positive: Tensor, valid: Tensor) -> Tensor:
    """Generalised IoU loss summed over positive boxes, divided by the number of valid ones, as `box_loss`.

    Args:
        boxes, targets: (B, S, 4) float32 x1 y1 x2 y2 in pixels.
        positive, valid: (B, S) bool.
    """
    return (giou_loss(boxes, targets) * positive).sum() / valid.sum().clamp(min=1)
