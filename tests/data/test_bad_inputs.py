"""Invalid data are found when a dataset is opened, in every format, not in the middle of an epoch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hub.engine.build import build_model, open_dataset
from hub.engine.config import parse_config
from hub.errors import AnnotationError, HubError, LabelMismatchError, OptionError

PALETTE = [0, 0, 0, 255, 0, 0] * 128


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Write an image of 10 × 8 pixels with valid annotations under the file names of all formats."""
    for name in ("images/a.png", "JPEGImages/a.png", "cat/a.png"):
        (tmp_path / name).parent.mkdir(parents=True)
        Image.new("RGB", (10, 8)).save(tmp_path / name)
    for name in ("masks", "SegmentationClass", "Annotations", "labels", "ImageSets/Segmentation", "ImageSets/Main"):
        (tmp_path / name).mkdir(parents=True)
    for kind in ("Segmentation", "Main"):
        (tmp_path / f"ImageSets/{kind}/train.txt").write_text("a\n")
    for name in ("masks", "SegmentationClass"):
        write_mask(tmp_path / name / "a.png", np.zeros((8, 10)))
    (tmp_path / "names.txt").write_text("floor\nwall\n")
    (tmp_path / "labels/a.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    (tmp_path / "data.yaml").write_text("names: [cat]\ntrain: images\n")
    box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>5</xmax><ymax>5</ymax></bndbox>"
    (tmp_path / "Annotations/a.xml").write_text(f"<annotation><object><name>cat</name>{box}</object></annotation>")
    (tmp_path / "t.csv").write_text("file,cat\nimages/a.png,1\n")
    write_coco(tmp_path)
    return tmp_path


def write_mask(path: Path, values: np.ndarray) -> None:
    picture = Image.fromarray(values.astype(np.uint8))
    picture.putpalette(PALETTE)
    picture.save(path)


def write_coco(root: Path, names: tuple[str, ...] = ("cat",), **annotation: Any) -> None:
    one = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 4, 4], **annotation}
    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": 10, "height": 8}],
        "annotations": [one],
        "categories": [{"id": i + 1, "name": n, "keypoints": ["nose", "tail"]} for i, n in enumerate(names)],
    }
    (root / "a.json").write_text(json.dumps(content))


SECTIONS: dict[str, dict[str, Any]] = {
    "coco": {"images": "images", "annotations": "a.json"},
    "voc": {"split": "train"},
    "yolo": {"split": "train"},
    "mask-folder": {},
    "voc-segmentation": {"split": "train"},
    "image-folder": {"classes": ["cat", "images"]},
    "csv": {"file": "t.csv"},
}


def opened(root: Path, format: str, **options: Any) -> Any:
    if format == "image-folder":
        for folder in root.iterdir():
            if folder.is_dir() and folder.name not in ("cat", "images"):
                folder.rename(root / f".{folder.name}")
    return open_dataset({"format": format, **SECTIONS[format], **options}, root=str(root), where="data.train")


@pytest.mark.parametrize("format", SECTIONS)
def test_sound_data_open(root: Path, format: str) -> None:
    assert len(opened(root, format)) >= 1


@pytest.mark.parametrize(
    ("format", "place", "fix"), [("mask-folder", "masks", "2"), ("voc-segmentation", "SegmentationClass", "21")]
)
def test_a_palette_index_without_a_name(root: Path, format: str, place: str, fix: str) -> None:
    write_mask(root / place / "a.png", np.full((8, 10), 30))
    with pytest.raises(AnnotationError, match=rf"{place}/a\.png: value 30 has no name; there are {fix}"):
        opened(root, format)


@pytest.mark.parametrize(("format", "place"), [("mask-folder", "masks"), ("voc-segmentation", "SegmentationClass")])
def test_a_map_of_another_size(root: Path, format: str, place: str) -> None:
    write_mask(root / place / "a.png", np.zeros((10, 8)))
    with pytest.raises(AnnotationError, match=rf"{place}/a\.png has 10×8 pixels, but its image 8×10"):
        opened(root, format)


@pytest.mark.parametrize("counts", [[80], "P2"])
def test_an_objects_mask_of_another_size(root: Path, counts: Any) -> None:
    write_coco(root, segmentation={"counts": counts, "size": [10, 8]})
    with pytest.raises(
        AnnotationError, match=r"a\.json: the mask of annotation 1 has 10×8 pixels, but image 1 has 8×10"
    ):
        opened(root, "coco")


@pytest.mark.parametrize("points", [[1, 1, 2], [1, 1, 2, 1, 1], [1, 1, 2] * 3])
def test_keypoints_of_the_wrong_count(root: Path, points: list[float]) -> None:
    write_coco(root, keypoints=points)
    with pytest.raises(AnnotationError, match=rf"annotation 1 has {len(points)} numbers as keypoints, not 6"):
        opened(root, "coco")


@pytest.mark.parametrize("polygon", [[1, 1], [1, 1, 4, 4], [1, 1, 4, 4, 2]])
def test_a_polygon_of_fewer_than_three_points_leaves_the_boxes(
    root: Path, polygon: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    write_coco(root, segmentation=[polygon])
    assert opened(root, "coco").provides == {"boxes"}
    assert "in 1 annotations; the first is annotation 1 of image 1" in caplog.text


@pytest.mark.parametrize("numbers", ["0.1 0.1", "0.1 0.1 0.4", "0.1 0.1 0.4 0.4 0.2 0.3 0.1"])  # four numbers are a box
def test_a_line_of_fewer_than_three_points(root: Path, numbers: str) -> None:
    (root / "labels/a.txt").write_text(f"0 {numbers}\n")
    with pytest.raises(AnnotationError, match=r"a\.txt, line 1: \d coordinates are neither a box"):
        opened(root, "yolo")


@pytest.mark.parametrize(
    ("format", "options", "spoil", "error", "said"),
    [
        ("coco", {}, lambda root: write_coco(root, ()), AnnotationError, "categories: .*at least 1"),
        ("yolo", {}, lambda root: (root / "data.yaml").write_text("names: []\ntrain: images\n"), HubError, "no names"),
        ("voc", {"labels": []}, lambda root: None, OptionError, "option labels .* at least 1"),
        ("mask-folder", {}, lambda root: (root / "names.txt").write_text("\n"), HubError, "name at least one class"),
        ("mask-folder", {"names": []}, lambda root: None, HubError, "name at least one class"),
        ("voc-segmentation", {"names": []}, lambda root: None, HubError, "name at least one class"),
        ("image-folder", {"classes": []}, lambda root: None, OptionError, "option classes .* at least 1"),
        ("csv", {"classes": []}, lambda root: None, HubError, "name at least one class"),
    ],
)
def test_an_empty_list_of_classes(
    root: Path, format: str, options: dict[str, Any], spoil: Any, error: type[Exception], said: str
) -> None:
    spoil(root)
    with pytest.raises(error, match=said):
        opened(root, format, **options)


def test_an_empty_list_of_labels_of_a_model(root: Path) -> None:
    config = parse_config(
        {"model": {"name": "faster-rcnn/resnet18-fpn", "labels": []}, "train": {"steps": 1, "schedule": "constant"}},
        source="a test",
    )
    with pytest.raises(LabelMismatchError, match="label list of faster-rcnn is empty"):
        build_model(config, [opened(root, "coco")])
