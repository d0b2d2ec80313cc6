"""The focal loss: torchvision's, without laying out its targets."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torchvision.ops import sigmoid_focal_loss

from hub_detection.focal import focal_loss


@pytest.mark.parametrize(("alpha", "gamma"), [(0.25, 2.0), (0.5, 0.0), (0.9, 0.5)])
def test_the_loss_and_its_gradient_are_torchvisions(alpha: float, gamma: float) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = (3 * torch.randn(2, 30, 5, 3, generator=generator)).requires_grad_()
    labels = torch.randint(0, 5, (2, 30, 3), generator=generator)
    positive = torch.rand(2, 30, 3, generator=generator) < 0.2
    counted = positive | (torch.rand(2, 30, 3, generator=generator) < 0.8)
    targets = F.one_hot(labels, 5).movedim(-1, 2) * positive[:, :, None]
    dense = sigmoid_focal_loss(logits, targets.float(), alpha=alpha, gamma=gamma)
    expected = (dense * counted[:, :, None]).sum((1, 2, 3))
    found = focal_loss(logits, labels, positive, counted, alpha=alpha, gamma=gamma)
    torch.testing.assert_close(found, expected)
    weights = torch.tensor([1.0, 2.0])
    torch.testing.assert_close(
        torch.autograd.grad((found * weights).sum(), logits), torch.autograd.grad((expected * weights).sum(), logits)
    )


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_extreme_logits_stay_finite(gamma: float) -> None:
    logits = torch.tensor([-1e4, -100.0, 0.0, 100.0, 1e4]).view(1, 5, 1, 1).requires_grad_()
    for positive in (torch.zeros(1, 5, 1, dtype=torch.bool), torch.ones(1, 5, 1, dtype=torch.bool)):
        loss = focal_loss(logits, torch.zeros(1, 5, 1, dtype=torch.int64), positive, ~positive | positive, gamma=gamma)
        assert loss.isfinite().all()
        assert torch.autograd.grad(loss.sum(), logits)[0].isfinite().all()


def test_bfloat16_logits_give_a_float32_loss() -> None:
    none = torch.zeros(1, 4, 2, dtype=torch.bool)
    loss = focal_loss(torch.zeros(1, 4, 3, 2, dtype=torch.bfloat16), none.long(), none, ~none)
    assert loss.dtype == torch.float32
