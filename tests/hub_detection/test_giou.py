"""The generalised IoU loss is torchvision's, and finite where boxes are empty."""

from __future__ import annotations

import torch
from torchvision.ops import generalized_box_iou_loss

from hub_detection.giou import giou_loss


def test_values_and_gradients_are_torchvisions() -> None:
    torch.manual_seed(0)
    corner = torch.rand(50, 2) * 50
    boxes = torch.cat([corner, corner + 1 + torch.rand(50, 2) * 40], dim=1).requires_grad_()
    targets = boxes.detach().roll(1, 0)
    torch.testing.assert_close(giou_loss(boxes, targets), generalized_box_iou_loss(boxes, targets))
    mine, theirs = (
        torch.autograd.grad(loss(boxes, targets).sum(), boxes)[0] for loss in (giou_loss, generalized_box_iou_loss)
    )
    torch.testing.assert_close(mine, theirs)


def test_empty_boxes_give_finite_losses_and_gradients() -> None:
    boxes = torch.zeros(2, 4, requires_grad=True)
    loss = giou_loss(boxes, torch.tensor([[0.0, 0, 0, 0], [1, 1, 2, 2]]))
    loss.sum().backward()
    assert loss.isfinite().all()
    assert boxes.grad is not None
    assert boxes.grad.isfinite().all()
