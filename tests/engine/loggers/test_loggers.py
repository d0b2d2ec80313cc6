"""The records of loggers, also when a run is resumed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import hub
from hub.contract import Evaluation
from hub.engine.config import Config
from hub.engine.loggers import JsonLines, Logger, RunInfo, StepRecord
from hub.engine.loggers.console import Console
from hub.engine.run import Run
from hub.engine.strategy import Single
from hub.engine.trainer import Trainer
from hub.errors import ConfigError, MissingRequirementError

Make = Callable[..., Config]


def info(folder: Path | None, first_step: int = 0) -> RunInfo:
    return RunInfo("run", folder, "", first_step, 10)


def step(number: int, loss: float = 1.0) -> StepRecord:
    return StepRecord(number, {"total": loss}, lr=0.1, images_per_second=1.0, waiting=0.0)


def evaluation(value: float) -> dict[str, Evaluation]:
    return {"fcos": Evaluation({"AP": value}, main="AP")}


def records(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_json_lines_drop_what_is_done_again_after_a_stop(tmp_path: Path) -> None:
    logger = JsonLines()
    logger.start(info(tmp_path))
    for number in (1, 2):
        logger.log_step(step(number, loss=float("nan")))
    logger.log_evaluation(2, evaluation(0.25))
    logger.log_step(step(3))
    logger.close()
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 4, "lr": 0')  # killed while it wrote
    resumed = JsonLines()
    resumed.start(info(tmp_path, first_step=2))
    assert [record["step"] for record in records(tmp_path)] == [1, 2, 2]
    resumed.log_evaluation(2, evaluation(0.5))  # the same evaluation again
    resumed.log_step(step(3))
    resumed.log_evaluation(3, evaluation(0.75))
    resumed.close()
    found = records(tmp_path)
    assert [record["step"] for record in found] == [1, 2, 2, 3, 3]
    assert [record["fcos/AP"] for record in found if "fcos/AP" in record] == [0.5, 0.75]
    assert found[0]["loss/total"] is None


def test_json_lines_need_somewhere_to_write() -> None:
    with pytest.raises(ConfigError, match="the logger json-lines has no file"):
        JsonLines().start(info(None))


def test_tensorboard_gets_losses_metrics_config_and_pictures(config: Make, tmp_path: Path) -> None:
    chosen = config("train.steps=2", "train.loggers=[tensorboard]")
    Trainer.from_config(chosen, Run(tmp_path), strategy=Single("cpu")).fit()
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    tags = events.Tags()
    assert {"loss/total", "lr", "faster-rcnn/AP50"} <= set(tags["scalars"])
    assert [event.step for event in events.Scalars("loss/total")] == [1, 2]
    assert tags["images"] == ["predictions"]
    text = events.Tensors("config/text_summary")[0].tensor_proto.string_val[0].decode()
    assert "name: faster-rcnn/resnet18-fpn" in text
    assert not (tmp_path / "metrics.jsonl").exists()


class Memory(Logger):
    """A logger of somebody else."""

    told: list[str]

    def __init__(self, *, prefix: str = "") -> None:
        type(self).told = []
        self.prefix = prefix

    def start(self, info: RunInfo) -> None:
        self.told.append(f"{self.prefix}start {info.name} {info.total_steps}")

    def log_image(self, step: int, name: str, image: np.ndarray) -> None:
        self.told.append(f"{name} {step} {image.dtype}")

    def close(self, error: BaseException | None = None) -> None:
        self.told.append("close" if error is None else f"close after {type(error).__name__}")


def test_a_logger_of_others_is_used_by_name(config: Make, tmp_path: Path) -> None:
    hub.register(hub.LoggerSpec(name="memory", summary="a test", target=f"{__name__}:Memory"))
    try:
        chosen = config("train.steps=1", "train.loggers=[{name: memory, prefix: '> '}]")
        Trainer.from_config(chosen, Run(tmp_path / "mine"), strategy=Single("cpu")).fit()
    finally:
        hub.registry.unregister("memory")
    assert Memory.told == ["> start mine 1", "predictions 1 uint8", "close"]


def test_a_client_that_is_not_installed_is_named(config: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.registry.entry._is_installed", lambda package: package != "wandb")
    with pytest.raises(MissingRequirementError, match=r"wandb(?s:.*)pip install 'backbone-hub\[wandb\]'"):
        Trainer.from_config(config("train.loggers=[wandb]"), Run(tmp_path), strategy=Single("cpu"))


def test_the_console_prints_a_line_per_evaluation_and_the_tables_at_the_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "fcos/AP": 0.75}\n{"step": 9, "fcos/AP": 1.0}\n')
    console = Console()
    console.start(info(tmp_path, first_step=2))
    for number, value in ((4, 0.5), (6, 0.875), (8, 0.625)):
        found = evaluation(value)
        found["fcos"].per_class = {"cat": {"AP": value}, "dog": {"AP": float("nan")}}
        console.log_evaluation(number, found)
    assert capsys.readouterr().err.split("\n")[-4:] == [
        "step 4: fcos AP 50.0 (best 75.0 at step 1)",
        "step 6: fcos AP 87.5",
        "step 8: fcos AP 62.5 (best 87.5 at step 6)",
        "",
    ]
    console.close()
    tables = capsys.readouterr().err
    assert tables.index("step 8") < tables.index("cat") < tables.index("1 class without a value: dog")
    stopped = Console()
    stopped.start(info(tmp_path))
    stopped.log_evaluation(2, evaluation(0.5))
    stopped.close(RuntimeError("stopped"))
    assert "AP 50.0" in (printed := capsys.readouterr().err)
    assert "%" not in printed
