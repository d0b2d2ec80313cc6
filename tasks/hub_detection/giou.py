"""The generalised IoU loss (Rezatofighi et al. 2019, https://arxiv.org/abs/1902.09630)."""

from __future__ import annotations

import torch
from torch import Tensor

from hub_detection.boxes import box_area

_TINY = 1e-7  # square pixels; keeps the quotients of empty boxes finite


def giou_loss(boxes: Tensor, targets: Tensor) -> Tensor:
    """1 − GIoU of each pair of boxes: 0 where they are equal, towards 2 the farther they are apart.

    Args:
        boxes, targets: (..., 4) float32 x1 y1 x2 y2 in pixels.

    Returns:
        (...) float32, differentiable, finite for boxes without area too.

    >>> giou_loss(torch.tensor([0.0, 0.0, 2.0, 2.0]), torch.tensor([0.0, 0.0, 2.0, 1.0]))
    tensor(0.5000)
    """
    boxes, targets = boxes.float(), targets.float()
    inner = torch.minimum(boxes[..., 2:], targets[..., 2:]) - torch.maximum(boxes[..., :2], targets[..., :2])
    outer = torch.maximum(boxes[..., 2:], targets[..., 2:]) - torch.minimum(boxes[..., :2], targets[..., :2])
    inter = inner.clamp(min=0).prod(-1)
    union = box_area(boxes) + box_area(targets) - inter
    hull = outer.prod(-1)
    return 1 - inter / (union + _TINY) + (hull - union) / (hull + _TINY)
