from __future__ import annotations

import pytest

from hub.cli import main


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
