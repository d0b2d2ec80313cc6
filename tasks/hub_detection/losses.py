"""Detection losses over a fixed number of boxes, some of which have no weight; always computed in float32."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from hub.losses import masked_mean
from hub_detection.boxes import box_area

_TINY = 1e-7  # square pixels; keeps the quotients finite for empty boxes


def objectness_loss(logits: Tensor, positive: Tensor, valid: Tensor) -> Tensor:
    """Return the binary cross-entropy, averaged over valid boxes.

    Args:
        logits: (B, S) of any floating dtype.
        positive, valid: (B, S) bool.
    """
    values = F.binary_cross_entropy_with_logits(logits.float(), positive.float(), reduction="none")
    return masked_mean(values, valid)


def class_loss(logits: Tensor, labels: Tensor, valid: Tensor) -> Tensor:
    """Return the softmax cross-entropy, averaged over valid boxes.

    Args:
        logits: (B, S, classes) of any floating dtype.
        labels: (B, S) int64.
        valid: (B, S) bool.
    """
    values = F.cross_entropy(logits.flatten(0, 1).float(), labels.flatten(), reduction="none")
    return masked_mean(values, valid.flatten())


def box_loss(deltas: Tensor, targets: Tensor, positive: Tensor, valid: Tensor, *, beta: float) -> Tensor:
    """Return the smooth L1 loss (Girshick 2015, equation 3) of positive boxes, divided by the number of valid ones.

    Dividing by the number of all sampled boxes gives every object the same weight, however many objects its image has
    (ibid.).

    Args:
        deltas: (B, S, 4) of any floating dtype.
        targets: (B, S, 4) float32, finite everywhere.
        positive, valid: (B, S) bool.
        beta: where the loss changes from quadratic to linear; 0 gives the L1 loss.
    """
    values = F.smooth_l1_loss(deltas.float(), targets, beta=beta, reduction="none").sum(-1)
    return (values * positive).sum() / valid.sum().clamp(min=1)


def giou_box_loss(boxes: Tensor, targets: Tensor, positive: Tensor, valid: Tensor) -> Tensor:
    """Return the GIoU loss of positive boxes, divided by the number of valid ones like `box_loss`.

    Args:
        boxes, targets: (B, S, 4) float32 x1 y1 x2 y2 in pixels.
        positive, valid: (B, S) bool.
    """
    return (generalized_box_iou_loss(boxes, targets) * positive).sum() / valid.sum().clamp(min=1)


def generalized_box_iou_loss(boxes: Tensor, targets: Tensor) -> Tensor:
    """Return 1 − GIoU of each pair of boxes: 0 for equal boxes, up to 2 for boxes far apart.

    Reference: Rezatofighi et al. 2019, https://arxiv.org/abs/1902.09630.

    Args:
        boxes, targets: (..., 4) float32 x1 y1 x2 y2 in pixels.

    Returns:
        (...) float32, differentiable, finite for empty boxes too.

    >>> generalized_box_iou_loss(torch.tensor([0.0, 0.0, 2.0, 2.0]), torch.tensor([0.0, 0.0, 2.0, 1.0]))
    tensor(0.5000)
    """
    boxes, targets = boxes.float(), targets.float()
    inner = torch.minimum(boxes[..., 2:], targets[..., 2:]) - torch.maximum(boxes[..., :2], targets[..., :2])
    outer = torch.maximum(boxes[..., 2:], targets[..., 2:]) - torch.minimum(boxes[..., :2], targets[..., :2])
    intersection = inner.clamp(min=0).prod(-1)
    union = box_area(boxes) + box_area(targets) - intersection
    enclosing = outer.prod(-1)
    return 1 - intersection / (union + _TINY) + (enclosing - union) / (enclosing + _TINY)


def sigmoid_focal_loss(
    logits: Tensor, labels: Tensor, positive: Tensor, valid: Tensor, *, alpha: float = 0.25, gamma: float = 2.0
) -> Tensor:
    """Return the focal loss summed over the anchors and classes of each image.

    Reference: Lin et al. 2017, https://arxiv.org/abs/1708.02002, equation 5. No one-hot targets are built: the loss of
    a negative is computed for every class of every anchor, and the difference is added where a class is positive.

    Args:
        logits: (B, cells, classes, A) of any floating dtype, with A anchors per cell.
        labels: (B, cells, A) int64, the class of each positive anchor; any class elsewhere.
        positive: (B, cells, A) bool, the anchors that are matched with an object.
        valid: (B, cells, A) bool, False for anchors that are ignored; True where ``positive``.
        alpha: weight of positive classes; negative ones have 1 − alpha.
        gamma: focusing parameter: the larger, the less weight well-classified anchors have.

    Returns:
        (B,) float32.

    >>> positive = torch.ones(1, 1, 1, dtype=torch.bool)
    >>> sigmoid_focal_loss(torch.zeros(1, 1, 2, 1), positive.long(), positive, positive, alpha=0.5, gamma=0.0)
    tensor([0.6931])
    """
    logits = logits.float()
    own = logits.gather(2, labels[:, :, None]).squeeze(2)
    negative = (1 - alpha) * _negative_focal_term(logits, gamma).sum(2)
    correction = alpha * _negative_focal_term(-own, gamma) - (1 - alpha) * _negative_focal_term(own, gamma)
    return (negative * valid + correction * positive).sum((1, 2))


def _negative_focal_term(logits: Tensor, gamma: float) -> Tensor:
    """Return −pᵞ · log(1 − p), the unweighted loss of logits whose class is absent."""
    return (gamma * F.logsigmoid(logits)).exp() * F.softplus(logits)  # finite, and so is its gradient, for any logit
