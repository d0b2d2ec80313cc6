"""Each loss against its formula, pixel by pixel in Python."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from hub_depth.losses import LOSSES, SCALES, depth_losses, silog

NAN = float("nan")


@pytest.fixture
def maps() -> tuple[Tensor, Tensor]:
    """Two images of 9×7, a third of the pixels unknown in all the ways there are."""
    random = np.random.default_rng(0)
    depth, target = random.uniform(0.5, 20, (2, 2, 9, 7))
    unknown = random.random(target.shape) < 0.33
    target[unknown] = random.choice([NAN, 0.0, -1.0, math.inf], int(unknown.sum()))
    target[1, :4] = NAN  # the second image has fewer
    return torch.from_numpy(depth).float(), torch.from_numpy(target).float()


def by_hand(name: str, depth: np.ndarray, target: np.ndarray, *, c: float) -> float:
    """One image's loss."""
    height, width = target.shape

    def there(y: int, x: int) -> bool:
        return bool(np.isfinite(target[y, x]) and target[y, x] > 0)

    def log(y: int, x: int) -> float:
        return math.log(depth[y, x]) - math.log(target[y, x])

    pixels = [(y, x) for y in range(height) for x in range(width) if there(y, x)]
    errors = [abs(float(depth[p] - target[p])) for p in pixels]
    logs = [log(*p) for p in pixels]
    if name == "silog":
        return float(np.mean(np.square(logs)) - 0.5 * np.mean(logs) ** 2)
    if name == "l1":
        return float(np.mean(errors))
    if name == "log_l1":
        return float(np.mean(np.abs(logs)))
    if name == "berhu":
        return float(np.mean([e if e <= c else (e * e + c * c) / (2 * c) for e in errors]))
    total = 0.0
    for step in (2**s for s in range(SCALES)):
        for down, right in ((step, 0), (0, step)):
            pairs = [
                abs(log(y + down, x + right) - log(y, x))
                for y in range(0, height - down, step)
                for x in range(0, width - right, step)
                if there(y, x) and there(y + down, x + right)
            ]
            total += float(np.mean(pairs)) if pairs else 0.0
    return total


@pytest.mark.parametrize("name", LOSSES)
def test_the_formula_averaged_over_images(name: str, maps: tuple[Tensor, Tensor]) -> None:
    depth, target = (m.numpy() for m in maps)
    good = np.isfinite(target) & (target > 0)
    c = 0.2 * float(np.abs(depth - target)[good].max())
    expected = np.mean([by_hand(name, d, t, c=c) for d, t in zip(depth, target, strict=True)])
    found = depth_losses({name: 3.0}, *maps)
    assert list(found) == [f"loss_{name}"]
    assert found[f"loss_{name}"].item() == pytest.approx(3 * expected, rel=1e-4)


@pytest.mark.parametrize("name", LOSSES)
def test_unknown_pixels_and_images_without_known_ones_change_nothing(name: str, maps: tuple[Tensor, Tensor]) -> None:
    depth, target = maps
    alone = depth_losses({name: 1.0}, depth, target)
    other = torch.where(target.isfinite() & (target > 0), depth, 7 * depth)
    more = torch.cat([other, depth[:1]]), torch.cat([target, torch.full_like(target[:1], NAN)])
    assert depth_losses({name: 1.0}, *more)[f"loss_{name}"].item() == pytest.approx(alone[f"loss_{name}"].item())


@pytest.mark.parametrize("name", LOSSES)
def test_nothing_known_costs_nothing_and_a_right_answer_too(name: str, maps: tuple[Tensor, Tensor]) -> None:
    depth = maps[0].requires_grad_()
    for target in (torch.full_like(depth, NAN), depth.detach().clone()):
        (loss,) = depth_losses({name: 1.0}, depth, target).values()
        (slope,) = torch.autograd.grad(loss, depth)
        assert loss.item() == 0
        assert torch.equal(slope, torch.zeros_like(slope))


@given(st.floats(0.1, 10), st.floats(0, 1))
def test_a_common_factor_costs_silog_what_its_variance_says(factor: float, variance: float) -> None:
    """(1 − λ) log² of the factor: nothing at λ = 1."""
    truth = torch.from_numpy(np.random.default_rng(0).uniform(1, 5, (1, 4, 4)))
    valid = torch.ones_like(truth, dtype=torch.bool)
    found = silog(factor * truth, truth, valid, variance=variance).item()
    assert found == pytest.approx((1 - variance) * math.log(factor) ** 2, abs=1e-9)


def test_the_variance_that_is_given_is_used(maps: tuple[Tensor, Tensor]) -> None:
    depth, target = maps
    for variance in (0.0, 1.0):
        valid = target.isfinite() & (target > 0)
        expected = silog(depth, torch.where(valid, target, 1.0), valid, variance=variance)
        assert torch.equal(depth_losses({"silog": 1.0}, depth, target, variance=variance)["loss_silog"], expected)
