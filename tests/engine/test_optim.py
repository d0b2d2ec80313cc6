from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import hub
from hub.engine.config import TrainConfig
from hub.engine.objective import Objective
from hub.engine.optim import Schedule, make_optimizer, scaled_lr, set_lr


class Tiny(nn.Module):
    """Looks like a model to the optimiser: a trunk with a body, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Module()
        self.trunk.body = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
        self.head = nn.Linear(4, 2)


def test_warm_up_and_steps_agree_with_torch() -> None:
    schedule = Schedule(total=50, milestones=(20, 35), gamma=0.1, warmup=10, warmup_start=0.1)
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


def test_cosine_agrees_with_torch_after_the_warm_up() -> None:
    schedule = Schedule(total=30, kind="cosine")
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    oracle = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 30)
    for step in range(30):
        assert schedule(step) == pytest.approx(oracle.get_last_lr()[0], abs=1e-12)
        optimizer.step()
        oracle.step()


@given(st.integers(0, 200), st.sampled_from(["multistep", "cosine", "constant"]), st.integers(0, 40))
def test_the_factor_stays_between_zero_and_one(step: int, kind: str, warmup: int) -> None:
    assert 0 <= Schedule(total=100, kind=kind, milestones=(50,), warmup=warmup)(step) <= 1


def test_lr_is_stated_for_sixteen_images() -> None:
    config = TrainConfig(steps=1, schedule="constant", lr=0.02, batch=4)
    assert scaled_lr(config) == pytest.approx(0.005)


@pytest.mark.parametrize("kind", ["sgd", "adamw"])
def test_norms_do_not_decay_and_the_backbone_has_its_own_rate(kind: str) -> None:
    config = TrainConfig(
        steps=1, schedule="constant", lr=0.16, batch=16, backbone_lr=0.5, weight_decay=0.3, optimizer=kind
    )  # fmt: skip
    model = Tiny()
    model.head.bias.requires_grad_(False)
    optimizer = make_optimizer(Objective(model, {}), config)  # type: ignore[arg-type]
    set_lr(optimizer, 0.1)
    seen = {id(p): (g["lr"], g["weight_decay"]) for g in optimizer.param_groups for p in g["params"]}
    conv, norm = model.trunk.body
    assert seen[id(conv.weight)] == pytest.approx((0.008, 0.3))
    assert seen[id(norm.weight)] == seen[id(norm.bias)] == pytest.approx((0.008, 0.0))
    assert seen[id(model.head.weight)] == pytest.approx((0.016, 0.3))
    assert id(model.head.bias) not in seen


def test_layers_learn_slower_towards_the_stem() -> None:
    config = TrainConfig(
        steps=1, schedule="constant", lr=1.0, batch=16, backbone_lr=0.5, layer_decay=0.5, weight_decay=0.1
    )  # fmt: skip
    model = hub.create("faster-rcnn/resnet18-fpn", labels=["a"], channels=8, box_head_fc_channels=8)
    rates = {
        id(p): group["lr"]
        for group in make_optimizer(Objective(model, {}), config).param_groups
        for p in group["params"]
    }
    body = model.trunk.body.net
    assert rates[id(model.trunk.neck.lateral["p2"].weight)] == 1.0
    assert rates[id(body.layer4[1].conv2.weight)] == rates[id(body.layer4[1].bn2.weight)] == 0.25
    assert rates[id(body.layer1[0].conv1.weight)] == 0.5 * 0.5**4
    assert rates[id(body.conv1.weight)] == 0.5 * 0.5**5
    assert len(rates) == len(list(model.parameters()))
