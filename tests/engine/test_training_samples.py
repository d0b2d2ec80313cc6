"""The grid shows the samples that training uses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hub.data.formats.shapes import generate_shapes
from hub.engine import training_samples
from hub.engine.config import Config, parse_config
from hub.engine.run import Run
from hub.engine.strategy import Single
from hub.engine.trainer import Trainer
from hub.engine.training_samples import config_pipelines, draw_samples_grid

SIZE = {"train": 5, "val": 3, "size": 48}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    generate_shapes(tmp_path / "shapes", **SIZE)
    content: dict[str, Any] = {
        "model": {
            "name": "mask-rcnn/resnet18-fpn",
            "channels": 16,
            "resize": {"shortest": 64, "longest": 64},
            "labels": ["ring", "star", "triangle", "square", "circle"],
        },
        "data": {
            "root": str(tmp_path / "shapes"),
            "train": {"format": "shapes", "split": "train", **SIZE},
            "val": {"format": "shapes", "split": "val", **SIZE},
            "transforms": [{"name": "crop", "p": 1}, {"name": "color_jitter", "p": 1}],
            "workers": 0,
        },
        "train": {"steps": 1, "batch": 2, "schedule": "constant", "seed": 3},
    }
    return parse_config(content, source="a test")


def test_samples_are_those_of_the_trainer(config: Config, tmp_path: Path) -> None:
    (ours,), labels = config_pipelines(config)
    (theirs,) = Trainer.from_config(config, Run(tmp_path / "run"), strategy=Single("cpu")).train_batches.pipelines
    assert labels["instances"].names[0] == "ring"  # the model's order, not the data's
    for epoch in (0, 2):
        for index in range(5):
            one, other = ours[epoch, index], theirs[epoch, index]
            np.testing.assert_array_equal(one.image, other.image)
            assert one.instances is not None
            assert other.instances is not None
            np.testing.assert_array_equal(one.instances.boxes, other.instances.boxes)
            np.testing.assert_array_equal(one.instances.labels, other.instances.labels)
            np.testing.assert_array_equal(one.instances.masks.planes(), other.instances.masks.planes())


def test_samples_are_spread_over_the_data_and_labelled_by_the_models_names(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(
        training_samples, "side_by_side", lambda pictures, titles, **_: seen.extend(titles) or pictures[0]
    )
    pipelines, labels = config_pipelines(config, val=True)
    draw_samples_grid(pipelines, labels, count=2)
    assert [title.split(" · ")[0] for title in seen] == ["1", "3"]
    assert "64 x 64" in seen[0]
    seen.clear()
    draw_samples_grid([*pipelines, *pipelines], labels, count=100)
    assert len(seen) == 6
