"""Several datasets in turn: each head learns from what its batch has."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from hub.engine.config import Config, apply_overrides, parse_config
from hub.engine.evaluation import evaluate
from hub.engine.run import Run
from hub.engine.signals import StopRequest
from hub.engine.strategy import Single
from hub.engine.train_batches import spread
from hub.engine.train_step import TrainStep
from hub.engine.trainer import Trainer
from hub.errors import ConfigError, DataError, StoppedError

ALONE = Single("cpu")


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Six images in two classes."""
    for i in range(6):
        path = tmp_path / "folders" / ("train" if i < 4 else "val") / ("dark", "light")[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((64, 64, 3), 40 + 150 * (i % 2), np.uint8)).save(path)
    return tmp_path / "folders"


@pytest.fixture
def two(tiny: dict[str, Any], folders: Path) -> Callable[..., Config]:
    """A detector that learns from shapes, and a classifier that learns from folders."""

    def make(*overrides: str, more_train: tuple[dict[str, Any], ...] = ()) -> Config:
        values = copy.deepcopy(tiny)
        values["model"]["name"] = "faster-rcnn+classification/resnet18-fpn"
        pictures = {"format": "image-folder", "root": str(folders)}
        # The shapes have classes as well: boxes only, as a file of another kind would have.
        boxes = {"format": "coco", "images": "train", "annotations": "annotations/instances_train.json"}
        held = {"format": "coco", "images": "val", "annotations": "annotations/instances_val.json"}
        values["data"]["train"] = [{**boxes, "batches_per_cycle": 2}, {**pictures, "split": "train"}, *more_train]
        values["data"]["val"] = [held, {**pictures, "split": "val"}]
        return parse_config(apply_overrides(values, overrides), source="two")

    return make


def fit(config: Config, folder: Path) -> Trainer:
    run = Run(folder)
    trainer = Trainer.from_config(config, run, strategy=ALONE)
    run.begin(config)
    trainer.fit()
    return trainer


@given(st.lists(st.integers(1, 7), min_size=1, max_size=4))
def test_batches_are_spread_evenly(batches: list[int]) -> None:
    order = spread(batches)
    assert [order.count(i) for i in range(len(batches))] == batches
    for step in range(1, len(order) + 1):
        for i, count in enumerate(batches):
            assert abs(order[:step].count(i) - count * step / len(order)) < len(batches)


def test_each_head_learns_from_its_dataset_and_all_are_scored(two: Callable[..., Config], tmp_path: Path) -> None:
    trainer = fit(two(), tmp_path / "run")
    assert {head: labels.names for head, labels in trainer.model.labels.items()} == {
        "faster-rcnn": trainer.train_data[0].label_spaces["instances"].names,
        "classification": ("dark", "light"),
    }
    records = [json.loads(line) for line in trainer.run.metrics.read_text().splitlines()]
    learned = ["classification" if "loss/classification/loss_class" in r else "faster-rcnn" for r in records[:6]]
    assert learned == ["faster-rcnn", "classification", "faster-rcnn"] * 2
    metrics = json.loads(trainer.run.evaluation.read_text())["heads"]
    assert set(metrics) == {"faster-rcnn", "classification"}
    assert "top1" in metrics["classification"]["metrics"]


def test_a_head_without_targets_does_not_change(two: Callable[..., Config], tmp_path: Path) -> None:
    trainer = Trainer.from_config(two("train.optimizer=adamw"), Run(tmp_path), strategy=ALONE)
    batches = trainer.train_batches.batches(0, workers=0, device=ALONE.device)
    step = TrainStep(
        trainer.objective, trainer.optimizer, trainer.schedule, ALONE,
        static_graph=False, precision="fp32", clip=None, seed=0, state=None,
    )  # fmt: skip
    for number in range(2):
        before = copy.deepcopy(trainer.model.state_dict())
        batch = next(batches)
        step(batch, number, stop=StopRequest())
        rests = "classification" if batch.instances is not None else "faster-rcnn"
        after = trainer.model.state_dict()
        assert all(torch.equal(before[k], after[k]) for k in after if k.startswith(f"heads.{rests}."))
        assert any(not torch.equal(before[k], after[k]) for k in after if k.startswith("trunk."))


def test_a_run_that_stopped_goes_on_bit_for_bit(
    two: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight = fit(two(), tmp_path / "straight").model.state_dict()
    stopped = Run(tmp_path / "stopped")
    first = Trainer.from_config(two(), stopped, strategy=ALONE)
    stopped.begin(two())
    step = TrainStep.__call__
    monkeypatch.setattr(
        TrainStep, "__call__", lambda self, batch, n, stop: (step(self, batch, n, stop=stop)[0], n == 2)
    )
    with pytest.raises(StoppedError):
        first.fit()
    monkeypatch.undo()
    config = two("data.workers=2")
    second = Trainer.from_config(config, stopped, strategy=ALONE, resume=stopped.resume(config))
    assert second.step == 3
    second.fit()
    assert all(torch.equal(value, second.model.state_dict()[key]) for key, value in straight.items())


class TestBadInput:
    def test_a_dataset_that_feeds_no_head(self, two: Callable[..., Config], tmp_path: Path) -> None:
        (tmp_path / "table.csv").write_text("image,a\nfolders/train/dark/0.png,1\n")
        useless = {"format": "csv", "root": str(tmp_path), "file": "table.csv"}
        with pytest.raises(DataError, match="feeds no head of faster-rcnn"):
            Trainer.from_config(two(more_train=(useless,)), Run(tmp_path / "run"), strategy=ALONE)

    def test_a_head_without_data(self, two: Callable[..., Config], tmp_path: Path) -> None:
        config = two("model.name=faster-rcnn+classification+semantic-fpn/resnet18-fpn", "model.labels.semantic-fpn=[a]")
        with pytest.raises(DataError, match="semantic-fpn"):
            Trainer.from_config(config, Run(tmp_path / "run"), strategy=ALONE)

    def test_no_dataset_and_no_batches(self, two: Callable[..., Config], tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"data.train is an empty list"):
            Trainer.from_config(two("data.train=[]"), Run(tmp_path / "run"), strategy=ALONE)
        with pytest.raises(ConfigError, match=r"data.train.0.batches_per_cycle is 0"):
            Trainer.from_config(
                two("data.train=[{format: coco, batches_per_cycle: 0}]"), Run(tmp_path / "run"), strategy=ALONE
            )


def test_data_made_otherwise_than_the_models_are_warned_of(
    config: Callable[..., Config], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trainer = Trainer.from_config(config(), Run(tmp_path), strategy=ALONE)
    model, data = trainer.model, trainer.val_data[0]
    model.recipe = replace(model.recipe, reader={"name": "volume", "spacing": [1, 1, 1]})
    data.reader = {"name": "volume", "spacing": [1, 1, 3]}
    evaluate(model, data, world=ALONE.world, workers=0)
    assert "has spacing [1, 1, 3], but the model was trained with [1, 1, 1]" in caplog.text
