"""Sums of losses with fixed weights, learned weights and a weight of 0."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from hub.engine.config import Config
from hub.engine.run import Run
from hub.engine.strategy import Single
from hub.engine.trainer import Trainer
from hub.errors import ConfigError

ALONE = Single("cpu")
TWO = ("model.name=faster-rcnn+semantic-fpn/resnet18-fpn", "model.heads.semantic-fpn.decoder_channels=16")


def fit(config: Config, folder: Path) -> Trainer:
    run = Run(folder)
    trainer = Trainer.from_config(config, run, strategy=ALONE)
    run.begin(config)
    trainer.fit()
    return trainer


@pytest.mark.parametrize("name", ["faster-rcnn+semantic-fpn", "semantic-fpn+faster-rcnn"])
def test_a_head_of_weight_0_changes_no_bit_of_the_other(
    config: Callable[..., Config], tmp_path: Path, name: str
) -> None:
    alone = fit(config("train.steps=3"), tmp_path / "alone").model.state_dict()
    two = config(*TWO, f"model.name={name}/resnet18-fpn", "train.steps=3", "train.loss_weights.semantic-fpn=0")
    both = fit(two, tmp_path / "both").model.state_dict()
    assert all(torch.equal(value, both[key]) for key, value in alone.items())


def test_weights_of_heads_and_of_losses_multiply(config: Callable[..., Config], tmp_path: Path) -> None:
    plain = Trainer.from_config(config(*TWO), Run(tmp_path / "a"), strategy=ALONE)
    weighted = Trainer.from_config(
        config(*TWO, "train.loss_weights={semantic-fpn: 0.5, faster-rcnn/loss_box: 3, faster-rcnn: 2}"),
        Run(tmp_path / "b"),
        strategy=ALONE,
    )
    batch = next(plain.train_batches.batches(0, workers=0, device=ALONE.device))
    torch.manual_seed(0)
    _, losses = plain.objective(batch)
    torch.manual_seed(0)
    total, again = weighted.objective(batch)
    assert all(torch.equal(value, again[name]) for name, value in losses.items()), "reported as they are"
    factor = {k: 0.5 if k.startswith("semantic") else 6 if k.endswith("loss_box") else 2 for k in losses}
    assert total.item() == pytest.approx(sum(v.item() * factor[k] for k, v in losses.items()), rel=1e-5)


def test_learned_weights_follow_the_formula_train_and_survive_a_stop(
    config: Callable[..., Config], tmp_path: Path
) -> None:
    given = (*TWO, "train.loss_weights=uncertainty", "train.optimizer=adamw")
    straight = fit(config(*given), tmp_path / "straight")
    learned = straight.objective.learned()
    one = copy.deepcopy(straight.model.state_dict())
    assert set(learned) == {"faster-rcnn", "semantic-fpn"}
    assert all(weight != 1 for weight in learned.values())

    batch = next(straight.train_batches.batches(0, workers=0, device=ALONE.device))
    straight.model.train()
    total, losses = straight.objective(batch)
    logs = {head: -torch.tensor(weight).log() for head, weight in learned.items()}
    expected = sum(logs.values()) + sum(v.item() * learned[k.partition("/")[0]] for k, v in losses.items())
    assert total.item() == pytest.approx(float(expected), rel=1e-4)

    half = Run(tmp_path / "half")
    first = Trainer.from_config(config(*given), half, strategy=ALONE)
    half.begin(config(*given))
    first.total_steps = 4
    first.fit()
    second = Trainer.from_config(config(*given), half, strategy=ALONE, resume=half.resume(config(*given)))
    second.fit()
    assert second.objective.learned() == learned
    other = second.model.state_dict()
    assert all(torch.equal(value, other[key]) for key, value in one.items())


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ("{semantic-fpm: 1}", "Did you mean semantic-fpn"),
        ("{semantic-fpn/loss_crossentropy: 1}", "there is no such loss. Did you mean semantic-fpn/loss_cross_entropy"),
        ("{semantic-fpn: -1}", "greater than or equal to 0"),
        ("uncertain", "uncertainty"),
    ],
)
def test_a_wrong_weight_is_refused(config: Callable[..., Config], tmp_path: Path, weights: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        fit(config(*TWO, f"train.loss_weights={weights}"), tmp_path)
