"""Schedules against those of PyTorch."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from hub.engine.optim import Constant, Cosine, MultiStep, Poly, Schedule


def test_warm_up_and_steps_agree_with_torch() -> None:
    schedule = MultiStep(steps=50, milestones=(20, 35), gamma=0.1, warmup=10, warmup_start=0.1)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    oracle = torch.optim.lr_scheduler.ChainedScheduler(
        [
            torch.optim.lr_scheduler.LinearLR(optimizer, 0.1, total_iters=10),
            torch.optim.lr_scheduler.MultiStepLR(optimizer, [20, 35], 0.1),
        ]
    )
    for step in range(50):
        assert schedule(step) == pytest.approx(oracle.get_last_lr()[0])
        optimizer.step()
        oracle.step()


@pytest.mark.parametrize("final", [0.0, 0.2])
def test_cosine_agrees_with_torch(final: float) -> None:
    schedule = Cosine(steps=30, final=final)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    oracle = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 30, eta_min=final)
    for step in range(30):
        assert schedule(step) == pytest.approx(oracle.get_last_lr()[0], abs=1e-12)
        optimizer.step()
        oracle.step()


@pytest.mark.parametrize("power", [0.9, 2.0])
def test_poly_agrees_with_torch(power: float) -> None:
    schedule = Poly(steps=30, power=power)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    oracle = torch.optim.lr_scheduler.PolynomialLR(optimizer, 30, power)
    for step in range(30):
        assert schedule(step) == pytest.approx(oracle.get_last_lr()[0], abs=1e-9)
        optimizer.step()
        oracle.step()


@given(
    st.integers(0, 200),
    st.sampled_from(
        [
            MultiStep(steps=100, milestones=(50,), warmup=20),
            Cosine(steps=100, warmup=30, final=0.01),
            Poly(steps=100, warmup=40, final=0.5),
            Constant(steps=100, warmup=120),
        ]
    ),
)
def test_the_factor_stays_between_zero_and_one(step: int, schedule: Schedule) -> None:
    assert 0 <= schedule(step) <= 1
    if isinstance(schedule, Cosine | Poly) and step >= 100:
        assert schedule(step) == schedule.final
