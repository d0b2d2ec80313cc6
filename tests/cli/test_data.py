"""``hub data`` as a user types it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from hub.cli import main
from hub.cli.data.command import COMMANDS
from hub.data.formats.shapes import generate_shapes

SIZE = {"train": 6, "val": 3, "size": 48}


@pytest.fixture
def shapes(tmp_path: Path) -> Path:
    generate_shapes(tmp_path / "shapes", **SIZE)
    return tmp_path / "shapes"


@pytest.fixture
def config(tmp_path: Path, shapes: Path) -> Callable[..., str]:
    """Writes the config of a model that is quick to build."""

    def write(model: str = "mask-rcnn/resnet18-fpn", **data: object) -> str:
        content = {
            "model": {"name": model, "channels": 16, "resize": {"shortest": 64, "longest": 64}},
            "data": {
                "root": str(shapes),
                "train": {"format": "shapes", "split": "train", **SIZE},
                "val": {"format": "shapes", "split": "val", **SIZE},
                **data,
            },
            "train": {"steps": 1, "schedule": "constant"},
        }
        (tmp_path / "c.yaml").write_text(yaml.safe_dump(content))
        return str(tmp_path / "c.yaml")

    return write


def coco_words(shapes: Path, split: str = "val") -> list[str]:
    return ["--from", "coco", f"root={shapes}", f"images={split}", f"annotations=annotations/instances_{split}.json"]


def test_help_names_every_command_and_each_has_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "--help"]) == 0
    out = capsys.readouterr().out
    for name in COMMANDS:
        assert name in out
        assert main(["data", name, "--help"]) == 0
        assert f"usage: hub data {name}" in capsys.readouterr().out


@pytest.mark.parametrize("first", [True, False])
def test_convert_prints_an_account_and_a_section_that_opens_the_result(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], first: bool
) -> None:
    out = str(tmp_path / "out")
    words = [*coco_words(shapes), "--split", "val"]
    # Options and positionals in any order.
    assert main(["data", "convert", *([out, "--to", "voc", *words] if first else ["--to", "voc", out, *words])]) == 0
    printed = capsys.readouterr().out
    assert "        3 images\n" in printed
    assert "masks: voc does not support them" in printed
    section = yaml.safe_load(printed.partition("in a config:\n")[2])["data"]
    assert section["root"] == out
    options = [f"{key}={json.dumps(value)}" for key, value in section["val"].items() if key != "format"]
    assert main(["data", "check", "--from", section["val"]["format"], f"root={section['root']}", *options]) == 0


def test_convert_takes_both_splits_of_a_config(config: Callable[..., str], tmp_path: Path) -> None:
    assert main(["data", "convert", str(tmp_path / "out"), config(), "--to", "yolo", "--only", "boxes"]) == 0
    assert len(list((tmp_path / "out/labels/train").iterdir())) == 6
    assert len(list((tmp_path / "out/labels/val").iterdir())) == 3


def test_convert_takes_every_set_of_a_list(config: Callable[..., str], shapes: Path, tmp_path: Path) -> None:
    half = {"format": "shapes", "split": "val", **SIZE}
    several = config(train=[{**half, "batches_per_cycle": 2}, half])
    assert main(["data", "convert", str(tmp_path / "out"), several, "--to", "coco"]) == 0
    assert sorted(p.stem for p in (tmp_path / "out/annotations").iterdir()) == ["train.0", "train.1", "val"]


def test_stats_count_both_splits(config: Callable[..., str], capsys: pytest.CaptureFixture[str], shapes: Path) -> None:
    assert main(["data", "stats", config()]) == 0
    out, err = capsys.readouterr()
    rows = {cells[0]: cells[1:] for line in reversed(out.splitlines()) if (cells := line.split())}
    assert rows["images"] == ["6", "3"]
    content = json.loads((shapes / "annotations/instances_train.json").read_text())
    assert rows["objects"][0] == str(len(content["annotations"]))
    assert "semantic: % of the pixels (images)" in out
    assert "labels: images" in out
    assert not err


@pytest.mark.parametrize(
    "model",
    ["mask-rcnn/resnet18-fpn", "keypoint-rcnn/resnet18-fpn", "semantic-fpn/resnet18-fpn", "multilabel/resnet18"],
)
def test_show_draws_what_each_head_learns_from(config: Callable[..., str], tmp_path: Path, model: str) -> None:
    words = ["data", "show", config(model, transforms=[{"name": "crop", "p": 1}]), "--count", "4"]
    words += ["model.channels=null"] if model == "multilabel/resnet18" else []
    for epoch in ("0", "1"):
        assert main([*words, "--epoch", epoch, "--out", str(tmp_path / f"{epoch}.png")]) == 0
    first, second = (np.asarray(Image.open(tmp_path / f"{epoch}.png")) for epoch in "01")
    assert first.shape[2] == 3
    assert first.shape != second.shape or (first != second).any()  # another epoch, another augmentation
    for again in "ab":
        assert main([*words, "--val", "--out", str(tmp_path / f"{again}.png")]) == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_show_needs_no_config(shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "show", "--out", str(tmp_path / "a.png"), *coco_words(shapes)]) == 0
    assert Image.open(tmp_path / "a.png").size[0] > 300
    assert "the 3 samples of" in capsys.readouterr().out


def test_check_lists_every_problem(shapes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("000000", "000002"):
        (shapes / f"val/{name}.jpg").write_bytes(b"no image")
    assert main(["data", "check", *coco_words(shapes), "--split", "val"]) == 1
    *problems, last = capsys.readouterr().out.splitlines()
    assert [name in line for line, name in zip(problems, ("000000.jpg", "000002.jpg"), strict=True)] == [True, True]
    assert last.startswith("val: 3 images, 2 problems")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["stats"], "no data are given"),
        (["stats", "root=x"], "the folder x does not exist"),
        (["stats", "nowhere.yaml"], "config nowhere.yaml does not exist"),
        (["stats", "--from", "cooc", "root=x"], "unknown dataset 'cooc'. Did you mean coco"),
        (["stats", "--from", "coco", "images=x"], "no folder is given"),
        (["stats", "--from", "coco", "root=x", "somewhere"], "'somewhere' is not key=value"),
        (["stats", "--from", "coco", "root=x", "imags=y"], "has no option 'imags'. Did you mean images"),
        (
            ["stats", "--from", "coco", "root=/nowhere", "images=x", "annotations=a.json"],
            "annotation file /nowhere/a.json",
        ),
        (["stats", "quickstart", "--split", "x"], "--split needs a folder"),
        (["show", "--from", "voc", "root=/nowhere", "split=train", "--val"], "--val needs a config"),
        (["convert", "out"], "required: --to"),
        (["show", "quickstart", "--count", "0"], "0 is not above 0"),
        (["stas"], "invalid choice: 'stas'"),
    ],
)
def test_errors_are_one_message(words: list[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", *words]) == 2
    err = capsys.readouterr().err
    assert expected in err
    assert "\n  fix: " in err
    assert "Traceback" not in err
