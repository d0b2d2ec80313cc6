from __future__ import annotations

from pathlib import Path

import pytest

from hub.cli import main
from hub.registry import entries
from hub.spec import SPECS
from hub.testing import distribution


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Print to a width that wraps nothing, whatever the terminal; tests of wrapping set their own."""
    monkeypatch.setenv("COLUMNS", "400")


def rows(capsys: pytest.CaptureFixture[str], *argv: str) -> dict[str, str]:
    """Return name → its line, of all tables."""
    assert main(["list", *argv]) == 0
    found = {}
    for table in capsys.readouterr().out.strip().split("\n\n"):
        group, header, *lines = table.splitlines()
        assert group in SPECS
        assert header.split()[0] == "NAME"
        found |= {line.split()[0]: line for line in lines}
    return found


def test_first_party_plugins_with_their_summaries(capsys: pytest.CaptureFixture[str]) -> None:
    found = rows(capsys)
    assert {"faster-rcnn", "fpn", "coco", "voc", "shapes"} <= found.keys()
    assert found["faster-rcnn"].split()[:3] == ["faster-rcnn", "detection", "Faster"]
    assert "resnet50" not in found


def test_patterns_and_kinds(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(rows(capsys, "f*")) == ["faster-rcnn", "fcos", "fpn", "focal"]
    assert list(rows(capsys, "--necks")) == ["fpn"]
    assert set(rows(capsys, "--datasets", "[cv]*")) == {
        "coco",
        "coco-panoptic",
        "csv",
        "cvat",
        "voc",
        "voc-segmentation",
    }


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


@pytest.mark.parametrize("width", [80, 120])
def test_no_word_is_split_and_no_line_too_long(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_DISABLE_PLUGINS", "1")
    monkeypatch.setenv("COLUMNS", str(width))
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= width
    wanted = {word for entry in entries() for word in (entry.name, *entry.spec().summary.split())}
    assert not wanted - set(out.split())


def test_a_pipe_gets_one_line_per_name(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert "a mask per object (Cai and Vasconcelos 2018)" in rows(capsys, "cascade-mask-rcnn")["cascade-mask-rcnn"]
