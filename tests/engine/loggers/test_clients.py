"""Weights & Biases and MLflow with their real clients, offline."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hub.engine.config import Config
from hub.engine.run import Run
from hub.engine.strategy import Single
from hub.engine.trainer import Trainer

Make = Callable[..., Config]


def train(config: Config, folder: Path) -> Run:
    run = Run(folder)
    trainer = Trainer.from_config(config, run, strategy=Single("cpu"))
    run.begin(config)
    trainer.fit()
    return run


def log_records(content: bytes) -> Iterator[bytes]:
    """Yield the records of a file in LevelDB's log format, which starts with a header of 7 bytes in W&B's files."""
    at, whole, block = 7, b"", 32768
    while at + 7 <= len(content):
        if block - at % block < 7:
            at += block - at % block  # padding at the end of a block
            continue
        length, kind = struct.unpack_from("<HB", content, at + 4)  # after the checksum
        whole += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # a whole record, or its last part
            yield whole
            whole = b""


def test_mlflow_keeps_metrics_config_and_pictures_in_sqlite(config: Make, tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    pytest.importorskip("sqlalchemy", reason="the extra mlflow is not installed")
    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    logger = f"train.loggers=[{{name: mlflow, tracking_uri: '{store}', experiment: shapes}}]"
    before = Path.cwd()
    os.chdir(tmp_path)  # artifacts of a local store lie in the current folder
    try:
        run = train(config("train.steps=2", logger), tmp_path / "run")
        client = mlflow.MlflowClient(store)
        known = run.folder.joinpath("mlflow_id").read_text()
        kept = client.get_run(known)
        assert kept.info.status == "FINISHED"
        assert kept.info.run_name == "run"
        assert "faster-rcnn/AP50" in kept.data.metrics
        losses = client.get_metric_history(known, "loss/total")
        assert [metric.step for metric in losses] == [1, 2]
        assert {entry.path for entry in client.list_artifacts(known)} == {"config.yaml", "predictions"}
        config_file = client.download_artifacts(known, "config.yaml", str(tmp_path))
        assert "faster-rcnn/resnet18-fpn" in Path(config_file).read_text()

        again = config("train.steps=2", logger)  # resumed at the end: it is evaluated again, in the same run
        Trainer.from_config(again, run, strategy=Single("cpu"), resume=run.resume(again)).fit()
        assert len(client.search_runs([kept.info.experiment_id])) == 1
        assert client.get_run(known).info.status == "FINISHED"
    finally:
        os.chdir(before)


def test_wandb_keeps_metrics_config_and_pictures_offline(
    config: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb", reason="the extra wandb is not installed")
    from wandb.proto import wandb_internal_pb2

    monkeypatch.setenv("WANDB_SILENT", "true")
    logger = "train.loggers=[{name: wandb, project: shapes, mode: offline}]"
    run = train(config("train.steps=2", logger), tmp_path / "run")
    known = run.folder.joinpath("wandb_id").read_text()
    (folder,) = run.folder.glob(f"wandb/offline-run-*-{known}")
    (file,) = folder.glob("*.wandb")
    keys: set[str] = set()
    steps, project, code = [], "", None
    for data in log_records(file.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        keys |= {item.key or "/".join(item.nested_key) for item in record.history.item}
        if record.HasField("history"):
            steps.append(record.history.step.num)
        project = record.run.project or project
        if record.HasField("exit"):
            code = record.exit.exit_code
    assert project == "shapes"
    assert code == 0
    assert {"loss/total", "faster-rcnn/AP50"} <= keys
    assert steps == [1, 2]
    assert list(folder.glob("files/media/images/predictions_2_*.png"))
