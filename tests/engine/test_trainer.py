from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import hub
from hub.contract import Batch
from hub.engine.config import Config
from hub.engine.run import Run
from hub.engine.signals import StopRequest
from hub.engine.strategy import Single
from hub.engine.train_step import TrainStep
from hub.engine.trainer import Trainer
from hub.errors import (
    CheckpointError,
    CheckpointMismatchError,
    ConfigError,
    DataError,
    HubError,
    LabelMismatchError,
    NonFiniteLossError,
    SaveError,
    StoppedError,
)
from hub.files import write_text

ALONE = Single("cpu")
Make = Callable[..., Config]


def start(config: Config, folder: Path) -> Trainer:
    run = Run(folder)
    trainer = Trainer.from_config(config, run, strategy=ALONE)
    run.begin(config)
    return trainer


def go_on(config: Config, folder: Path) -> Trainer:
    run = Run(folder)
    return Trainer.from_config(config, run, strategy=ALONE, resume=run.resume(config))


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return torch.load(folder / "last.pt", weights_only=True)["model"]


def stop_after(monkeypatch: pytest.MonkeyPatch, steps: int, how: Callable[[], object]) -> None:
    """Call a function during a step."""
    original = TrainStep.__call__

    def step(self: TrainStep, batch: Batch, done: int, *, stop: StopRequest) -> object:
        if done == steps - 1:
            how()
        return original(self, batch, done, stop=stop)

    monkeypatch.setattr(TrainStep, "__call__", step)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory, tiny: dict) -> Path:
    """Return the folder of an uninterrupted run."""
    from hub.engine.config import parse_config

    folder = tmp_path_factory.mktemp("runs") / "straight"
    start(parse_config(tiny, source="tiny"), folder).fit()
    return folder


def test_a_run_folder_holds_all_that_is_needed(straight: Path) -> None:
    names = {p.name.split(".tfevents")[0] for p in straight.iterdir()}
    assert {
        "config.yaml", "environment.json", "last.pt", "last.safetensors", "best.safetensors", "metrics.jsonl",
        "evaluation.json", "predictions.png", "events.out",
    } == names  # fmt: skip
    records = [json.loads(line) for line in (straight / "metrics.jsonl").read_text().splitlines()]
    assert [r["step"] for r in records] == [1, 2, 3, 4, 5, 6, 6]
    assert {"loss/total", "loss/faster-rcnn/loss_box", "lr"} <= records[0].keys()
    assert "faster-rcnn/AP50" in records[-1]
    assert hub.load(straight).labels["faster-rcnn"].names == ("circle", "square", "triangle", "star", "ring")


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_goes_on_bit_for_bit(
    straight: Path, config: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signal_number: int
) -> None:
    with monkeypatch.context() as patch:
        stop_after(patch, 3, lambda: os.kill(os.getpid(), signal_number))
        with pytest.raises(StoppedError, match=r"stopped after step 3 of 6.*saved") as stopped:
            start(config(), tmp_path / "run").fit()
    assert stopped.value.exit_code == 130
    assert torch.load(tmp_path / "run/last.pt", weights_only=True)["step"] == 3
    # Other workers and another random state must not matter.
    torch.manual_seed(99)
    go_on(config("data.workers=1"), tmp_path / "run").fit()
    expected = weights(straight)
    assert all(torch.equal(w, expected[name]) for name, w in weights(tmp_path / "run").items())


def test_the_moving_average_is_what_is_scored_and_saved_and_resumes_bit_for_bit(
    straight: Path, config: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    averaged = config("train.ema=0.5")
    start(averaged, tmp_path / "whole").fit()
    assert all(torch.equal(w, weights(straight)[name]) for name, w in weights(tmp_path / "whole").items())
    saved = torch.load(tmp_path / "whole/last.pt", weights_only=True)["callbacks"]["EMA"]["model"]
    exported = hub.load(tmp_path / "whole").state_dict()
    assert all(torch.equal(w, saved[name]) for name, w in exported.items())
    name = "heads.faster-rcnn.box_head.fc6.weight"
    assert not torch.equal(saved[name], weights(straight)[name])

    with monkeypatch.context() as patch:
        stop_after(patch, 3, lambda: os.kill(os.getpid(), signal.SIGTERM))
        with pytest.raises(StoppedError):
            start(averaged, tmp_path / "run").fit()
    go_on(averaged, tmp_path / "run").fit()
    resumed = torch.load(tmp_path / "run/last.pt", weights_only=True)["callbacks"]["EMA"]["model"]
    assert all(torch.equal(w, saved[name]) for name, w in resumed.items())


def test_other_augmentation_workers_give_the_same_run(straight: Path, config: Make, tmp_path: Path) -> None:
    start(config("data.workers=2"), tmp_path).fit()
    expected = weights(straight)
    assert all(torch.equal(w, expected[name]) for name, w in weights(tmp_path).items())


def test_a_seed_matters(straight: Path, config: Make, tmp_path: Path) -> None:
    start(config("train.seed=1", "train.steps=1"), tmp_path).fit()
    assert any(not torch.equal(w, weights(straight)[n]) for n, w in weights(tmp_path).items() if "fc6" in n)


def test_resuming_with_another_recipe_is_refused(straight: Path, config: Make) -> None:
    with pytest.raises(ConfigError, match=r"train\.lr was 0\.01, is 0\.5"):
        Run(straight).resume(config("train.lr=0.5"))
    Run(straight).resume(config("data.workers=3", "train.log_every=7"))


def test_a_truncated_training_checkpoint_is_named(straight: Path, config: Make, tmp_path: Path) -> None:
    half = (straight / "last.pt").read_bytes()
    (tmp_path / "last.pt").write_bytes(half[: len(half) // 2])
    with pytest.raises(CheckpointError, match=r"last\.pt cannot be read, it is truncated"):
        Run(tmp_path).resume(config())
    with pytest.raises(CheckpointError, match="nothing to resume"):
        Run(tmp_path / "empty").resume(config())


def test_a_checkpoint_of_another_model_is_refused(straight: Path, config: Make, tmp_path: Path) -> None:
    content = Run(straight).resume(config())
    with pytest.raises(CheckpointMismatchError, match="does not match the model"):
        Trainer.from_config(config("model.channels=24"), Run(tmp_path), strategy=ALONE, resume=content)


def test_a_nan_loss_stops_and_names_the_images(config: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = start(config(), tmp_path)

    def poison() -> None:
        with torch.no_grad():
            trainer.model.heads["faster-rcnn"].box_head.fc7.bias.fill_(float("nan"))  # type: ignore[union-attr]

    stop_after(monkeypatch, 4, poison)
    with pytest.raises(NonFiniteLossError) as error:
        trainer.fit()
    _, _, indices = next(trainer.train_batches.samplers[0].stream(3))
    ids = [trainer.train_data[0].ids[i] for i in indices]
    for words in ("at step 4", str(ids), "last.pt holds the last good state", "loss_classifier"):
        assert words in str(error.value)
    content = torch.load(tmp_path / "last.pt", weights_only=True)
    assert content["step"] == 2
    assert all(w.isfinite().all() for w in content["model"].values())


@pytest.mark.parametrize("function", ["hub.weights.checkpoint.save_file", "hub.engine.loggers.json_lines.to_json"])
def test_a_full_disk_anywhere_gives_a_readable_message(
    config: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    import errno

    from safetensors import SafetensorError

    def fail(*args: object, **kwargs: object) -> str:
        if "save_file" in function:
            raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")
        raise OSError(errno.ENOSPC, "No space left on device")

    trainer = start(config(), tmp_path)
    monkeypatch.setattr(function, fail)
    with pytest.raises(SaveError, match="no space left"):
        trainer.fit()


def test_a_broken_image_costs_no_step_that_is_done(config: Make, shapes: Path, tmp_path: Path) -> None:
    import shutil

    root = tmp_path / "shapes"
    shutil.copytree(shapes, root)
    trainer = start(config(f"data.root={root}", "train.checkpoint_every=100"), tmp_path / "run")
    _, _, indices = next(trainer.train_batches.samplers[0].stream(2))
    broken = trainer.train_data[0].path(indices[0])  # type: ignore[attr-defined]
    seen = {i for step in (0, 1) for i in next(trainer.train_batches.samplers[0].stream(step))[2]}
    assert indices[0] not in seen
    broken.write_bytes(b"no image")
    with pytest.raises(DataError, match=broken.name):
        trainer.fit()
    assert torch.load(tmp_path / "run/last.pt", weights_only=True)["step"] == 2


def test_labels_of_the_validation_data_are_checked_before_the_first_step(
    config: Make, shapes: Path, tmp_path: Path
) -> None:
    content = json.loads((shapes / "annotations/instances_val.json").read_text())
    content["categories"].append({"id": 99, "name": "hexagon"})
    (tmp_path / "val.json").write_text(json.dumps(content))
    val = f"data.val={{format: coco, root: {tmp_path}, images: {shapes / 'val'}, annotations: val.json}}"
    with pytest.raises(LabelMismatchError, match="does not know: hexagon"):
        start(config(val), tmp_path / "run")


def test_a_run_resumes_without_the_weights_that_it_began_with(straight: Path, config: Make, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(straight, tmp_path / "old")
    chosen = config(f"model.weights={tmp_path / 'old'}", "train.steps=2")
    start(chosen, tmp_path / "run").fit()
    shutil.rmtree(tmp_path / "old")
    assert go_on(chosen, tmp_path / "run").step == 2


def test_a_full_disk_stops_and_keeps_the_old_checkpoint_intact(
    config: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    original = torch.save
    calls = []

    def save(content: object, path: Path) -> None:
        calls.append(path)
        if len(calls) == 2:
            Path(path).write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        original(content, path)

    monkeypatch.setattr(torch, "save", save)
    with pytest.raises(SaveError, match="no space left"):
        start(config(), tmp_path).fit()
    assert torch.load(tmp_path / "last.pt", weights_only=True)["step"] == 2
    assert not list(tmp_path.glob(".*.tmp"))


@pytest.mark.parametrize(
    ("overrides", "error", "said"),
    [
        (["train.batch=4", "data.train.format=cocoo"], HubError, "Did you mean coco"),
        (["data.train={split: train}", "data.root=/nowhere"], DataError, "the folder /nowhere does not exist"),
        (["data.train.splitt=train"], HubError, "Did you mean split"),
        (["model.name=resnet18-fpn", "model.heads={}"], ConfigError, "has no head to train"),
        (["model.labels=[circle, square]"], LabelMismatchError, "does not know: triangle, star, ring"),
        (["data.transforms=[{name: horizontal_flipp}]"], ConfigError, "Did you mean horizontal_flip"),
        (["data.root=/nowhere", "data.train={format: coco, images: i, annotations: a.json}"], DataError, "a.json"),
        (["model.weights=/nowhere"], CheckpointError, "/nowhere does not exist"),
        (["model.heads={faster-rcnn: {box_batch_size_per_img: 3}}"], HubError, "Did you mean box_batch_size_per_image"),
        (["model.heads={mask-rcnn: {}}"], HubError, "not a head of"),
        (["model.labels={faster-rcn: [a]}"], ConfigError, "Did you mean faster-rcnn"),
    ],
)
def test_mistakes_are_found_before_the_first_step(
    config: Make, tmp_path: Path, overrides: list[str], error: type[HubError], said: str
) -> None:
    with pytest.raises(error, match=said):
        start(config(*overrides), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_new_run_never_overwrites_an_old_one(tmp_path: Path) -> None:
    assert Run.new(tmp_path / "a").folder == tmp_path / "a"
    write_text(tmp_path / "a/config.yaml", "")
    assert Run.new(tmp_path / "a").folder == tmp_path / "a-2"
    assert Run.latest(tmp_path / "a").folder == tmp_path / "a"
    write_text(tmp_path / "a-2/config.yaml", "")
    assert Run.latest(tmp_path / "a").folder == tmp_path / "a-2"


def test_fine_tuning_starts_from_the_weights_of_a_run(straight: Path, config: Make, tmp_path: Path) -> None:
    trainer = start(config(f"model.weights={straight}", "train.steps=1", "train.lr=1e-9"), tmp_path)
    expected = hub.load(straight).state_dict()
    own = trainer.model.state_dict()
    assert all(torch.equal(own[name], tensor) for name, tensor in expected.items())


def test_the_log_states_how_lr_was_scaled(config: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="hub"):
        start(config("train.steps=1"), tmp_path).fit()
    assert "learning rate: 0.01 for 16 images per step; with 4 it is 0.0025" in caplog.text
    assert "random weights" in caplog.text


def test_freezing_random_weights_is_warned_of(config: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    start(config("train.steps=1"), tmp_path / "a").fit()
    assert "start at random" not in caplog.text
    start(config("train.steps=1", "model.norm=frozen"), tmp_path / "b").fit()
    assert "these start at random" in caplog.text


def test_data_that_do_not_suit_a_head_are_refused_before_the_first_step(tmp_path: Path) -> None:
    config = Config.model_validate(
        {
            "model": {"name": "keypoint-rcnn/resnet18-fpn", "channels": 16},
            "data": {
                "root": str(tmp_path / "shapes"),
                "train": {"format": "shapes", "split": "train", "train": 2, "val": 2},
                "val": {"format": "shapes", "split": "val", "train": 2, "val": 2},
            },
            "train": {"steps": 1, "schedule": "constant"},
        }
    )
    with pytest.raises(DataError, match=r"have 5 keypoints, but the head has 17(?s:.*)keypoints: 5"):
        Trainer.from_config(config, Run(tmp_path / "run"), strategy=ALONE)
