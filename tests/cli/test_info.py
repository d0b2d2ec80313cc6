from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hub.cli import main
from hub.registry import FIRST_PARTY, Entry, entries
from hub.spec import TaskSpec


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Print to a width that wraps nothing, whatever the terminal; tests of wrapping set their own."""
    monkeypatch.setenv("COLUMNS", "400")


def info(capsys: pytest.CaptureFixture[str], name: str) -> str:
    assert main(["info", name]) == 0
    return capsys.readouterr().out


def test_a_neck_with_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    out = info(capsys, "fpn")
    assert "backbone_hub:fpn" in out
    assert "hub.necks.fpn:FPN" in out
    assert "out_channels: int = 256\n      channels of every level." in out
    assert "top: Literal['pool', 'conv'] = 'pool'" in out


def test_a_task_with_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    out = info(capsys, "faster-rcnn")
    assert "detection" in out
    assert "hub_detection.two_stage.faster_rcnn:FasterRCNN" in out
    assert "nms_thresh: float = 0.5" in out


def test_a_trunk(capsys: pytest.CaptureFixture[str]) -> None:
    out = info(capsys, "resnet18-fpn")
    assert [line.split() for line in out.splitlines()[-5:]] == [[f"p{i}", "256", str(2**i)] for i in range(2, 7)]
    body, pyramid = 11_176_512, 960 * 256 + 4 * 256 + 4 * (256 * 256 * 9 + 256)
    assert f"{(body + pyramid) / 1e6:.1f} million" in out
    assert "a1_in1k" in out


def test_a_model_is_its_trunk_and_its_heads(capsys: pytest.CaptureFixture[str]) -> None:
    out = info(capsys, "faster-rcnn/resnet18-fpn")
    assert "resnet18-fpn: a trunk" in out
    assert "backbone_hub:faster-rcnn" in out


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("faster-rcn", "unknown name 'faster-rcn'. Did you mean faster-rcnn"),
        ("resnet5O", "Did you mean resnet50"),
        ("faster-rcn/resnet50-fpn", "unknown task 'faster-rcn'. Did you mean faster-rcnn"),
        ("resnet18-fpm", "unknown neck 'fpm'. Did you mean fpn"),
        ("resnet 18", "is not a backbone name"),
    ],
)
def test_unknown_names(name: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", name]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", ["faster-rcnn", "mask-rcnn_resnet50-fpn_lsj"])
def test_no_word_is_split(
    name: str, width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    words = info(capsys, name).split()
    monkeypatch.setenv("COLUMNS", str(width))
    out = info(capsys, name)
    assert out.split() == words
    # Commands and single long words stay on one line.
    assert all(len(line) <= width or "hub train" in line or " " not in line.strip() for line in out.splitlines()[1:])


def test_the_options_of_a_detector_need_no_torch() -> None:
    code = "import sys; from hub.cli import main; main(['info', 'mask-rcnn']); sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "mask_head_num_convs: int" in done.stdout


@pytest.mark.parametrize("entry", [e for e in entries("tasks") if e.distribution == FIRST_PARTY], ids=lambda e: e.name)
def test_the_options_of_a_spec_are_those_of_its_head(entry: Entry) -> None:
    spec = entry.spec()
    assert isinstance(spec, TaskSpec)
    if spec.options is not None:
        assert entry.load(spec.options) is entry.target().Options


def test_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    run.mkdir()
    train, val = "{format: voc, split: train}", "{format: voc, split: val}"
    (run / "config.yaml").write_text(
        f"model: {{name: fcos/resnet18-fpn}}\ndata: {{root: /d, train: {train}, val: {val}}}\ntrain: {{steps: 90}}\n"
    )
    assert "not evaluated yet" in info(capsys, str(run))
    lines = ['{"step": 40, "fcos/AP": 0.5}', '{"step": 60, "fcos/AP": 0.25}', '{"step": 70, "lr": 0.1}', '{"step": 8']
    (run / "metrics.jsonl").write_text("\n".join(lines))
    heads = {"fcos": {"main": "AP", "metrics": {"AP": 0.25}, "per_class": {}}}
    (run / "evaluation.json").write_text(json.dumps({"step": 60, "heads": heads}))
    (run / "best.safetensors").write_bytes(b"")
    out = info(capsys, str(run))
    found = dict(line.strip().split(":", 1) for line in out.splitlines()[1:])
    assert {key: found[key].strip() for key in ("model", "data", "progress", "best", "checkpoints")} == {
        "model": "fcos/resnet18-fpn",
        "data": "voc in /d",
        "progress": "step 70, of 90 steps",
        "best": "fcos AP 0.5000 (step 40)",
        "checkpoints": "best.safetensors",
    }
    assert found["metrics at step 60"].strip() == "fcos AP 0.2500"


def test_a_config_by_its_bare_name(capsys: pytest.CaptureFixture[str]) -> None:
    out = info(capsys, "quickstart")
    assert "Target: AP ≥ 0.80" in out
    assert "Measured: AP" in out
    assert "  hub train configs/quickstart.yaml" in out


def test_a_broken_config_is_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.yaml").write_text("model: [")
    assert main(["info", str(tmp_path)]) == 2
    assert "config.yaml cannot be read" in capsys.readouterr().err
