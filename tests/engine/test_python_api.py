"""Training, evaluating and predicting from Python, without the command line."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import hub
from hub.data.formats.shapes import generate_shapes
from hub.engine.config import Config
from hub.engine.optim import Constant, sgd
from hub.engine.reader import Request
from hub.engine.strategy import Single
from hub.errors import ConfigError, DataError, StoppedError
from hub.visual import write_image

ROOT = Path(__file__).parents[2]
Make = Callable[..., Config]


def test_the_example_of_the_readme_trains_evaluates_and_predicts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    (example,) = [block for block in blocks if "hub.Trainer(" in block]
    assert len(example.splitlines()) < 15
    monkeypatch.chdir(tmp_path)
    generate_shapes(Path("data/shapes"), train=8, val=4, size=64)
    quick = {"800, warmup=100": "2, warmup=1", "every=400": "every=1", '"shapes", root': '"coco", root'}
    for whole, small in quick.items():
        assert whole in example
        example = example.replace(whole, small)
    for split in ("train", "val"):
        files = f'images="{split}", annotations="annotations/instances_{split}.json"'
        example = example.replace(f'split="{split}"', files)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(example, "README.md", "exec"), {})
    ap50, result = printed.getvalue().split("\n", 1)
    assert 0 <= float(ap50) <= 1
    assert result.startswith("Detections(")
    assert torch.load("runs/mine/last.pt", weights_only=True)["step"] == 2
    assert hub.Run("runs/mine").model().recipe.name == "fcos/resnet18-fpn"


def test_a_config_is_trained_resumed_evaluated_and_used_in_one_call_each(
    tiny: dict[str, Any], config: Make, shapes: Path, tmp_path: Path
) -> None:
    run = hub.train(config(), out=tmp_path / "run", device="cpu", train={"steps": 2}, **{"train.log_every": 2})
    assert run.stored_config().train.steps == 2
    assert run.stored_config().train.log_every == 2
    with pytest.raises(ConfigError, match="holds a run"):
        hub.train(config(), out=run.folder, device="cpu")
    hub.train(run.folder, resume=True, device="cpu")
    evaluations = run.evaluate(device="cpu", out=tmp_path / "metrics.json")
    assert set(evaluations) == {"faster-rcnn"}
    assert (tmp_path / "metrics.json").exists()
    images = sorted((shapes / "val").glob("*.jpg"))
    assert [p.result.size for p in run.predict(images, device="cpu")] == [(64, 64)] * len(images)
    assert len(run.predict(images[0], device="cpu")) == 1
    outcome = run.predict_files(Request(shapes / "val", tmp_path / "drawn"), device="cpu")
    assert (outcome.done, outcome.failed) == (len(images), 0)
    with pytest.raises(ConfigError, match="train.batsh"):
        hub.train(config(), out=tmp_path / "other", train={"batsh": 2})


@pytest.fixture
def parts(shapes: Path) -> dict[str, Any]:
    data = hub.open_dataset("coco", root=shapes, images="train", annotations="annotations/instances_train.json")
    model = hub.create_model(
        "fcos/resnet18-fpn", labels=data.label_spaces["instances"], channels=16, resize=hub.ResizeRule(64, 64)
    )
    optimizer = sgd([{"params": [*model.parameters()], "lr": 1e-4}], 1e-4)
    return {"model": model, "train_data": data, "optimizer": optimizer, "schedule": Constant(steps=3)}


def test_a_trainer_without_callbacks_and_data_to_evaluate_on_only_trains(parts: dict[str, Any]) -> None:
    before = {name: value.clone() for name, value in parts["model"].state_dict().items()}
    trainer = hub.Trainer(**parts, batch_size=4, workers=0, precision="fp32", strategy=Single("cpu"))
    assert trainer.fit() == {}
    assert trainer.step == 3
    assert any(not torch.equal(before[name], value) for name, value in parts["model"].state_dict().items())


def test_a_stop_without_checkpoints_reports_that_nothing_is_saved(parts: dict[str, Any]) -> None:
    class Stop(hub.Callback):
        def on_step_end(self, trainer: Any) -> None:
            import os
            import signal

            os.kill(os.getpid(), signal.SIGTERM)

    trainer = hub.Trainer(
        **parts, batch_size=4, workers=0, precision="fp32", strategy=Single("cpu"), callbacks=[Stop()]
    )
    with pytest.raises(StoppedError, match="nothing was saved"):
        trainer.fit()


def test_invalid_arguments_of_a_trainer_are_refused(parts: dict[str, Any], tmp_path: Path) -> None:
    from hub.engine.callbacks import Checkpoints

    trainer = hub.Trainer(
        **parts, batch_size=4, workers=0, precision="fp32", strategy=Single("cpu"), callbacks=[Checkpoints(1)]
    )
    with pytest.raises(ConfigError, match="pass run="):
        trainer.fit()
    (tmp_path / "a/x").mkdir(parents=True)
    write_image(tmp_path / "a/x/1.png", np.zeros((8, 8, 3), np.uint8))
    pictures = hub.open_dataset("image-folder", root=tmp_path / "a")
    with pytest.raises(DataError):
        hub.Trainer(**parts | {"train_data": pictures}, strategy=Single("cpu"))
