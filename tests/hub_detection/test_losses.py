"""The focal and GIoU losses against torchvision's."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
import torchvision

from hub_detection.losses import generalized_box_iou_loss, sigmoid_focal_loss


@pytest.mark.parametrize(("alpha", "gamma"), [(0.25, 2.0), (0.5, 0.0), (0.9, 0.5)])
def test_focal_loss_and_gradient_match_torchvision(alpha: float, gamma: float) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = (3 * torch.randn(2, 30, 5, 3, generator=generator)).requires_grad_()
    labels = torch.randint(0, 5, (2, 30, 3), generator=generator)
    positive = torch.rand(2, 30, 3, generator=generator) < 0.2
    valid = positive | (torch.rand(2, 30, 3, generator=generator) < 0.8)
    targets = F.one_hot(labels, 5).movedim(-1, 2) * positive[:, :, None]
    dense = torchvision.ops.sigmoid_focal_loss(logits, targets.float(), alpha=alpha, gamma=gamma)
    expected = (dense * valid[:, :, None]).sum((1, 2, 3))
    found = sigmoid_focal_loss(logits, labels, positive, valid, alpha=alpha, gamma=gamma)
    torch.testing.assert_close(found, expected)
    weights = torch.tensor([1.0, 2.0])
    torch.testing.assert_close(
        torch.autograd.grad((found * weights).sum(), logits), torch.autograd.grad((expected * weights).sum(), logits)
    )


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_loss_of_extreme_logits_is_finite(gamma: float) -> None:
    logits = torch.tensor([-1e4, -100.0, 0.0, 100.0, 1e4]).view(1, 5, 1, 1).requires_grad_()
    for positive in (torch.zeros(1, 5, 1, dtype=torch.bool), torch.ones(1, 5, 1, dtype=torch.bool)):
        loss = sigmoid_focal_loss(
            logits, torch.zeros(1, 5, 1, dtype=torch.int64), positive, ~positive | positive, gamma=gamma
        )
        assert loss.isfinite().all()
        assert torch.autograd.grad(loss.sum(), logits)[0].isfinite().all()


def test_bfloat16_logits_give_a_float32_loss() -> None:
    none = torch.zeros(1, 4, 2, dtype=torch.bool)
    loss = sigmoid_focal_loss(torch.zeros(1, 4, 3, 2, dtype=torch.bfloat16), none.long(), none, ~none)
    assert loss.dtype == torch.float32


def test_giou_loss_and_gradient_match_torchvision() -> None:
    torch.manual_seed(0)
    corner = torch.rand(50, 2) * 50
    boxes = torch.cat([corner, corner + 1 + torch.rand(50, 2) * 40], dim=1).requires_grad_()
    targets = boxes.detach().roll(1, 0)
    torch.testing.assert_close(
        generalized_box_iou_loss(boxes, targets), torchvision.ops.generalized_box_iou_loss(boxes, targets)
    )
    mine, theirs = (
        torch.autograd.grad(loss(boxes, targets).sum(), boxes)[0]
        for loss in (generalized_box_iou_loss, torchvision.ops.generalized_box_iou_loss)
    )
    torch.testing.assert_close(mine, theirs)


def test_giou_loss_of_empty_boxes_is_finite() -> None:
    boxes = torch.zeros(2, 4, requires_grad=True)
    loss = generalized_box_iou_loss(boxes, torch.tensor([[0.0, 0, 0, 0], [1, 1, 2, 2]]))
    loss.sum().backward()
    assert loss.isfinite().all()
    assert boxes.grad is not None
    assert boxes.grad.isfinite().all()
