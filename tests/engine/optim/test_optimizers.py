"""Optimizers, schedules and loggers are found by name, and their options are checked."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

import hub
from hub.engine.config import Config
from hub.engine.optim import Schedule
from hub.engine.plugins import call_plugin
from hub.engine.run import Run
from hub.engine.strategy import Single
from hub.engine.trainer import Trainer
from hub.errors import ContractError, OptionError

Make = Callable[..., Config]


def make(declared: str | dict[str, object]) -> torch.optim.Optimizer:
    groups = [{"params": [nn.Parameter(torch.ones(3))], "lr": 0.5}]
    kind: type[torch.optim.Optimizer] = torch.optim.Optimizer
    return call_plugin("optimizers", declared, groups, 0.1, where="train.optimizer", returns=kind)


def test_options_reach_the_optimizer() -> None:
    nesterov = make({"name": "sgd", "nesterov": True})
    assert isinstance(nesterov, torch.optim.SGD)
    assert (nesterov.param_groups[0]["nesterov"], nesterov.param_groups[0]["momentum"]) == (True, 0.9)
    adamw = make({"name": "adamw", "betas": [0.8, 0.99]})
    assert isinstance(adamw, torch.optim.AdamW)
    assert adamw.param_groups[0]["betas"] == (0.8, 0.99)


def test_any_optimizer_of_timm_steps_with_the_rates_of_the_groups() -> None:
    lamb = make({"name": "timm", "of": "lamb", "betas": [0.8, 0.99]})
    assert type(lamb).__name__ == "Lamb"
    group = lamb.param_groups[0]
    assert group["lr"] == 0.5
    (parameter,) = group["params"]
    parameter.grad = torch.ones(3)
    lamb.step()
    assert bool((parameter < 1).all())


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"name": "sgd", "nesterof": True}, "train.optimizer sgd has no option 'nesterof'. Did you mean nesterov"),
        ({"name": "sgd", "momentum": 1.5}, "train.optimizer sgd: option momentum = 1.5"),
        ({"name": "sgd", "nesterov": "maybe"}, "nesterov = 'maybe'"),
        ({"name": "timm"}, "needs the option 'of'"),
        ({"name": "timm", "of": "lam"}, "timm has no optimizer 'lam'. Did you mean lamb"),
        ({"name": "timm", "of": "lamb", "nothing": 1}, "timm's optimizer 'lamb': .*nothing"),
    ],
)
def test_a_wrong_option_is_named(declared: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        make(declared)


class Halves(Schedule):
    """A schedule of somebody else, without a decorator."""

    def factor(self, step: int) -> float:
        return 0.5


def not_an_optimizer(groups: list[dict[str, object]], lr: float) -> str:
    return "nothing"


def test_plugins_of_others_are_used_by_name(config: Make, tmp_path: object) -> None:
    hub.register(hub.ScheduleSpec(name="halves", summary="a test", target=f"{__name__}:Halves"))
    hub.register(hub.OptimizerSpec(name="none", summary="a test", target=f"{__name__}:not_an_optimizer"))
    try:
        trainer = Trainer.from_config(config("train.schedule=halves"), Run(str(tmp_path)), strategy=Single("cpu"))
        assert trainer.schedule(5) == 0.5
        with pytest.raises(ContractError, match="local:none returns a str"):
            make("none")
    finally:
        hub.registry.unregister("halves")
        hub.registry.unregister("none")


def test_milestones_are_stated_in_the_unit_of_the_length(config: Make, tmp_path: object) -> None:
    """Twelve images in batches of four are three steps an epoch."""
    schedule = "train.schedule={name: multistep, milestones: [1, 2.5]}"
    for overrides, milestones in ((["train.steps=null", "train.epochs=4"], (3, 8)), (["train.steps=9"], (1, 2))):
        trainer = Trainer.from_config(config(schedule, *overrides), Run(str(tmp_path)), strategy=Single("cpu"))
        assert trainer.schedule.milestones == milestones  # type: ignore[attr-defined]
