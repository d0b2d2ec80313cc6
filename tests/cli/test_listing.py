from __future__ import annotations

from pathlib import Path

import pytest

from hub import __version__
from hub.cli import main
from hub.testing import distribution


def rows(capsys: pytest.CaptureFixture[str], *argv: str) -> dict[str, str]:
    """Name → the rest of its line."""
    assert main(["list", *argv]) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split() == ["NAME", "KIND", "FROM", "SUMMARY"]
    return {line.split()[0]: line for line in lines}


def test_first_party_plugins_with_their_summaries(capsys: pytest.CaptureFixture[str]) -> None:
    found = rows(capsys)
    assert {"faster-rcnn", "fpn", "coco", "voc", "shapes"} <= found.keys()
    assert f"detection task backbone-hub {__version__}" in " ".join(found["faster-rcnn"].split())
    assert "Faster R-CNN" in found["faster-rcnn"]
    assert "resnet50" not in found


def test_patterns_and_kinds(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(rows(capsys, "f*")) == ["faster-rcnn", "fcos", "fpn", "focal"]
    assert list(rows(capsys, "--necks")) == ["fpn"]
    assert set(rows(capsys, "--datasets", "[cv]*")) == {"coco", "coco-panoptic", "csv", "voc", "voc-segmentation"}


def test_backbones_are_timms(capsys: pytest.CaptureFixture[str]) -> None:
    found = rows(capsys, "--backbones", "resnet1*1")
    assert list(found) == ["resnet101"]
    assert "timm 1." in found["resnet101"]


def test_nothing_found_suggests(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "faster-rcn"]) == 2
    assert "Did you mean faster-rcnn" in capsys.readouterr().err
    assert main(["list", "--backbones", "resnet5O"]) == 2
    assert "Did you mean resnet50" in capsys.readouterr().err


def test_what_the_metadata_exclude_is_in_its_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = {"backbone_hub.tasks.v1": {"broken-head": "broken_specs:spec"}}
    future = {"backbone_hub.necks.v2": {"future-neck": "no_such:spec"}}
    usurper = {"backbone_hub.tasks.v1": {"faster-rcnn": "broken_specs:spec"}}
    with (
        distribution(
            tmp_path / "a", "broken-plugin", files={"broken_specs.py": "import nonsense"}, entry_points=broken
        ),
        distribution(tmp_path / "b", "future-plugin", version="9", entry_points=future),
        distribution(tmp_path / "c", "usurper", entry_points=usurper),
    ):
        found = rows(capsys)
    assert "nonsense" not in found["broken-head"], "listing imports no plugin"
    assert "broken-plugin 1.0" in found["broken-head"]
    assert "future-plugin 9" in found["future-neck"]
    assert "[for version 2 of the plugin contract, not 1]" in found["future-neck"]
    assert "Faster R-CNN" in found["faster-rcnn"]
    assert "usurper:faster-rcnn" in found
