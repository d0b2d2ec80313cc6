"""Callbacks: when they are called, what they may do, and that their state is resumed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch

from hub.contract import Evaluation
from hub.engine.callbacks import Callback, EarlyStopping, State, Training
from hub.engine.config import Config
from hub.engine.run import Run
from hub.engine.strategy import Single
from hub.engine.trainer import Trainer
from hub.errors import StoppedError
from hub.weights import read_header

Make = Callable[..., Config]


class Recorder(Callback):
    """Writes down each moment with its step."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.seen: list[str] = []
        self.stop_at = stop_at

    def on_fit_start(self, trainer: Training) -> None:
        self.seen.append(f"start {trainer.step}")

    def on_resume(self, trainer: Training) -> None:
        self.seen.append(f"resume {trainer.step}")

    def on_step_end(self, trainer: Training) -> None:
        self.seen.append(f"step {trainer.step}")
        if trainer.step == self.stop_at:
            raise StoppedError("by a test")

    def on_checkpoint(self, trainer: Training) -> None:
        self.seen.append(f"checkpoint {trainer.step}")

    def on_evaluation_end(self, trainer: Training, evaluations: Mapping[str, Evaluation]) -> None:
        self.seen.append(f"evaluation {trainer.step} {','.join(evaluations)}")

    def on_fit_end(self, trainer: Training) -> None:
        self.seen.append(f"end {trainer.step}")

    def on_exception(self, trainer: Training, error: BaseException) -> None:
        self.seen.append(f"{type(error).__name__} {trainer.step}")

    def state_dict(self) -> State:
        return {"seen": list(self.seen)}

    def load_state_dict(self, state: State) -> None:
        self.seen = ["loaded", *state["seen"]]  # type: ignore[misc]


def trainer_of(config: Config, folder: Path, *extra: Callback, resume: bool = False) -> Trainer:
    run = Run(folder)
    trainer = Trainer.from_config(
        config, run, strategy=Single("cpu"), callbacks=extra, resume=run.resume(config) if resume else None
    )
    run.begin(config)
    return trainer


def test_moments_come_in_order_and_state_survives(config: Make, tmp_path: Path) -> None:
    chosen = config("train.steps=4", "train.evaluate_every=2", "train.checkpoint_every=100")
    first = Recorder(stop_at=3)
    with pytest.raises(StoppedError):
        trainer_of(chosen, tmp_path, first).fit()
    until = ["start 0", "step 1", "checkpoint 2", "evaluation 2 faster-rcnn", "step 2", "step 3"]
    assert first.seen == [*until, "checkpoint 3", "StoppedError 3"]
    second = Recorder()
    trainer_of(chosen, tmp_path, second, resume=True).fit()
    assert second.seen == [
        "loaded", *until, "start 3", "resume 3", "checkpoint 4", "evaluation 4 faster-rcnn", "step 4",
        "end 4",
    ]  # fmt: skip


def fake_scores(monkeypatch: pytest.MonkeyPatch, scores: dict[int, float]) -> None:
    """Replace the metrics of evaluations by given scores per step."""

    def evaluate(self: Trainer) -> dict[str, Evaluation]:
        self.evaluations = {"faster-rcnn": Evaluation({"AP": scores[self.step]}, main="AP")}
        self._reporter.evaluation(self.step, self.evaluations)
        for callback in self.callbacks:
            callback.on_evaluation_end(self, self.evaluations)
        return self.evaluations

    monkeypatch.setattr(Trainer, "evaluate", evaluate)


def test_training_ends_early_and_keeps_the_best(config: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_scores(monkeypatch, {1: 0.1, 2: 0.3, 3: 0.2, 4: 0.3, 5: 0.9, 6: 1.0})
    chosen = config("train.evaluate_every=1", "train.early_stopping=2")
    trainer = trainer_of(chosen, tmp_path)
    trainer.fit()
    assert trainer.step == 4
    assert read_header(tmp_path / "best.safetensors")["notes"]["step"] == 4  # of equal ones the later
    assert torch.load(tmp_path / "last.pt", weights_only=True)["step"] == 4
    # A run that is resumed after it ended early stays ended.
    again = trainer_of(chosen, tmp_path, resume=True)
    again.fit()
    assert again.step == 4


def test_without_a_defined_metric_the_latest_weights_are_kept(
    config: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    nan = float("nan")
    fake_scores(monkeypatch, {1: nan, 2: nan, 3: 0.2, 4: nan, 5: 0.1, 6: 0.2})
    kept = {}

    class Watch(Callback):
        def on_step_end(self, trainer: Training) -> None:
            if (tmp_path / "best.safetensors").exists():
                kept[trainer.step] = read_header(tmp_path / "best.safetensors")["notes"]["step"]

    trainer_of(config("train.evaluate_every=1", "train.early_stopping=2"), tmp_path, Watch()).fit()
    assert kept == {1: 1, 2: 2, 3: 3, 4: 3, 5: 3, 6: 6}
    assert "best.safetensors holds the latest weights, not the best" in caplog.text


def test_early_stopping_counts_over_a_stop(config: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_scores(monkeypatch, {1: 0.1, 2: 0.3, 3: 0.2, 4: 0.3, 5: 0.9, 6: 1.0})
    chosen = config("train.evaluate_every=1", "train.early_stopping=2")
    with pytest.raises(StoppedError):
        trainer_of(chosen, tmp_path, Recorder(stop_at=3)).fit()
    # The checkpoint of step 3 was written before its evaluation, which is done again and counted once.
    resumed = trainer_of(chosen, tmp_path, Recorder(), resume=True)
    resumed.fit()
    assert resumed.step == 4
    metrics = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    evaluated = [record["step"] for record in metrics if "faster-rcnn/AP" in record]
    assert evaluated == [1, 2, 3, 4]


def test_an_improvement_must_exceed_min_delta() -> None:
    class Alone:
        is_main = True

    class Fake:
        world, step, total_steps, should_end = Alone(), 1, 9, False

    stopping, trainer = EarlyStopping(1, min_delta=0.1), Fake()
    for score, ends in ((0.5, False), (0.65, False), (0.7, True)):
        stopping.on_evaluation_end(trainer, {"a": Evaluation({"AP": score}, main="AP")})  # type: ignore[arg-type]
        assert trainer.should_end is ends
