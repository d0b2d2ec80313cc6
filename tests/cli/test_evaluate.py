from __future__ import annotations

import json
from pathlib import Path

import pytest

import hub
from hub.cli import main
from hub.data.formats.shapes import generate_shapes
from hub.images import ResizeRule
from hub.weights import save


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data, a config for it, and an untrained checkpoint."""
    root = tmp_path_factory.mktemp("evaluate")
    generate_shapes(root / "shapes", train=2, val=3, size=64)
    labels = ["circle", "square", "triangle", "star", "ring"]
    model = hub.create("faster-rcnn/resnet18-fpn", labels=labels, channels=16, resize=ResizeRule(64, 64))
    save(model, root / "model.safetensors")
    (root / "config.yaml").write_text(
        "model: {name: faster-rcnn/resnet18-fpn}\ntrain: {steps: 1, schedule: constant}\n"
        f"data: {{root: {root / 'shapes'}, workers: 0,\n"
        "  val: {format: shapes, split: val, train: 2, val: 3, size: 64}}\n"
    )
    return root


def test_the_twelve_metrics_are_printed_and_written(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["evaluate", str(folder / "model.safetensors"), "--out", str(tmp_path / "metrics.json")])
    assert code == 0
    shown = capsys.readouterr().out
    for name in ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl"):
        assert name in shown
    assert "triangle" in shown
    found = json.loads((tmp_path / "metrics.json").read_text())["heads"]["faster-rcnn"]
    assert len(found["metrics"]) == 12
    assert found["main"] == "AP"


def test_labels_that_the_model_lacks_are_rejected(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = hub.create("faster-rcnn/resnet18-fpn", labels=["circle"], channels=16, resize=ResizeRule(64, 64))
    path = save(model, tmp_path / "other.safetensors")
    assert main(["evaluate", str(path), "--config", str(folder / "config.yaml")]) == 2
    error = capsys.readouterr().err
    assert "labels that faster-rcnn does not know: square, triangle, star, ring" in error


def test_the_error_without_a_config_names_the_option(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = tmp_path / "alone.safetensors"
    alone.write_bytes((folder / "model.safetensors").read_bytes())
    assert main(["evaluate", str(alone)]) == 2
    assert "add --config FILE" in capsys.readouterr().err
