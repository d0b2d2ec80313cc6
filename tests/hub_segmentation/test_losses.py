"""Losses by name: ignored pixels have no effect, and only ignored pixels give 0."""

from __future__ import annotations

import pytest
import torch

import hub
from hub.contract import IGNORE
from hub.errors import OptionError
from hub_segmentation.losses import semantic_losses

LOSSES = hub.list(kind="losses")


@pytest.mark.parametrize("name", LOSSES)
def test_ignored_pixels_do_not_affect_the_loss(name: str) -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 8, 8)
    target = torch.randint(0, 3, (2, 8, 8))
    target[:, 4:] = IGNORE
    other = logits.clone()
    other[:, :, 4:] = torch.randn(2, 3, 4, 8) * 5
    (one,), (same,) = (semantic_losses({name: 1.0}, x, target).values() for x in (logits, other))
    assert one > 0
    torch.testing.assert_close(one, same)


@pytest.mark.parametrize("name", LOSSES)
def test_only_ignored_pixels_give_zero_loss_and_zero_gradients(name: str) -> None:
    logits = torch.randn(1, 3, 4, 4, requires_grad=True)
    (loss,) = semantic_losses({name: 1.0}, logits, torch.full((1, 4, 4), IGNORE)).values()
    loss.backward()
    assert loss == 0
    assert logits.grad is not None
    assert (logits.grad == 0).all()


@pytest.mark.parametrize("name", LOSSES)
def test_correct_logits_have_a_lower_loss(name: str) -> None:
    target = torch.randint(0, 3, (1, 8, 8), generator=torch.Generator().manual_seed(0))
    right = torch.nn.functional.one_hot(target, 3).permute(0, 3, 1, 2) * 9.0
    good, bad = (semantic_losses({name: 2.0}, x, target)[f"loss_{name}"] for x in (right, right.roll(1, 1)))
    assert good < 0.1 * bad


def squared(logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    return logits.square().mean()


def test_a_loss_of_others_is_used_by_name() -> None:
    hub.register(hub.LossSpec(name="squared", summary="a test", target=f"{__name__}:squared"))
    try:
        hub.create_model("unet/resnet18", labels=["a"], loss={"squared": 1.0})
        (loss,) = semantic_losses({"squared": 0.5}, torch.ones(1, 2, 4, 4), torch.zeros(1, 4, 4)).values()
        assert loss == 0.5
    finally:
        hub.registry.unregister("squared")
    with pytest.raises(OptionError, match="unknown loss 'squared'"):
        hub.create_model("unet/resnet18", labels=["a"], loss={"squared": 1.0})
