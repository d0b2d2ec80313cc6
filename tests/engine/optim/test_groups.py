"""Parameter groups and their learning rates."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

import hub
from hub.engine.objective import Objective
from hub.engine.optim import ParameterGroup, adamw, parameter_groups, scaled_lr, set_lr, sgd


class Tiny(nn.Module):
    """Looks like a model to the optimizer: a trunk with a body, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Module()
        self.trunk.body = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
        self.head = nn.Linear(4, 2)


def test_lr_is_stated_for_sixteen_images() -> None:
    assert scaled_lr(0.02, 4) == pytest.approx(0.005)


@pytest.mark.parametrize("make", [sgd, adamw])
def test_norms_do_not_decay_and_the_backbone_has_its_own_rate(
    make: Callable[[list[ParameterGroup], float], torch.optim.Optimizer],
) -> None:
    model = Tiny()
    model.head.bias.requires_grad_(False)
    objective = Objective(model, {})  # type: ignore[arg-type]
    optimizer = make(parameter_groups(objective, lr=0.16, backbone_lr=0.5, weight_decay=0.3), 0.16)
    set_lr(optimizer, 0.1)
    seen = {id(p): (g["lr"], g["weight_decay"]) for g in optimizer.param_groups for p in g["params"]}
    conv, norm = model.trunk.body
    assert seen[id(conv.weight)] == pytest.approx((0.008, 0.3))
    assert seen[id(norm.weight)] == seen[id(norm.bias)] == pytest.approx((0.008, 0.0))
    assert seen[id(model.head.weight)] == pytest.approx((0.016, 0.3))
    assert id(model.head.bias) not in seen


def test_layers_learn_slower_towards_the_stem() -> None:
    model = hub.create("faster-rcnn/resnet18-fpn", labels=["a"], channels=8, box_head_fc_channels=8)
    groups = parameter_groups(model, lr=1.0, backbone_lr=0.5, layer_decay=0.5, weight_decay=0.1)
    rates = {id(p): group["lr"] for group in groups for p in group["params"]}
    body = model.trunk.body.net
    assert rates[id(model.trunk.neck.lateral["p2"].weight)] == 1.0
    assert rates[id(body.layer4[1].conv2.weight)] == rates[id(body.layer4[1].bn2.weight)] == 0.25
    assert rates[id(body.layer1[0].conv1.weight)] == 0.5 * 0.5**4
    assert rates[id(body.conv1.weight)] == 0.5 * 0.5**5
    assert len(rates) == len(list(model.parameters()))
