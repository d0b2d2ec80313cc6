"""YOLO's text files: boxes, polygons, and lines that are neither."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hub.data.formats.yolo import Yolo
from hub.errors import AnnotationError, DataError, UnknownCategoryError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("a", "b"):
        (tmp_path / "images/train").mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((20, 40, 3), np.uint8)).save(tmp_path / f"images/train/{name}.jpg")
    (tmp_path / "labels/train").mkdir(parents=True)
    (tmp_path / "labels/train/a.txt").write_text("1 0.5 0.5 0.25 0.5\n0 0.25 0.25 0.5 0.5\n")
    (tmp_path / "data.yaml").write_text("names: {0: cat, 1: dog}\ntrain: images/train\nval: val.txt\n")
    (tmp_path / "val.txt").write_text("./images/train/b.jpg\n")
    return tmp_path


def _open(root: Path, **options: Any) -> Yolo:
    return Yolo(Yolo.Options(root=str(root), **options))


def test_boxes_in_pixels_and_an_image_without_labels(root: Path) -> None:
    data = _open(root)
    assert data.ids == ["images/train/a.jpg", "images/train/b.jpg"]
    assert data.label_spaces["instances"].names == ("cat", "dog")
    found = data.load(0, frozenset({"boxes"})).instances
    assert found is not None
    assert found.boxes.tolist() == [[15, 5, 25, 15], [0, 0, 20, 10]]
    assert found.labels.tolist() == [1, 0]
    assert "masks" not in data.provides
    empty = data.load(1, frozenset({"boxes"})).instances
    assert empty is not None
    assert len(empty) == 0
    assert len(_open(root, split="val")) == 1


def test_polygons_become_masks_with_their_own_area(root: Path) -> None:
    (root / "labels/train/a.txt").write_text("0 0.25 0.25 0.75 0.25 0.75 0.75 0.25 0.75\n1 0 0 0.5 0 0 1\n")
    data = _open(root)
    assert "masks" in data.provides
    found = data.load(0, frozenset({"boxes", "masks"})).instances
    assert found is not None
    assert found.masks is not None
    expected = np.zeros((20, 40), np.uint8)
    expected[5:15, 10:30] = 1
    assert np.array_equal(found.masks.plane(0), expected)
    assert data.instances is not None
    assert data.instances.area.tolist() == [200, 200]


@pytest.mark.parametrize(
    ("line", "error", "expected"),
    [
        ("0 0.5 0.5 0.2", AnnotationError, r"a\.txt, line 2: 3 coordinates are neither"),
        ("0 0.1 0.1 0.2 0.2 0.3", AnnotationError, "five numbers after the class"),
        ("0 12 30 10 10", AnnotationError, "coordinates are fractions of the image"),
        ("0 a b c d", AnnotationError, "is not a list of numbers"),
        ("2 0.5 0.5 0.2 0.2", UnknownCategoryError, "class 2 has no name; there are 2"),
    ],
)
def test_a_bad_line_is_named(root: Path, line: str, error: type[Exception], expected: str) -> None:
    (root / "labels/train/a.txt").write_text(f"0 0.5 0.5 0.2 0.2\n{line}\n")
    with pytest.raises(error, match=expected):
        _open(root)


def test_a_missing_split_folder_or_list_of_names_is_named(root: Path) -> None:
    with pytest.raises(DataError, match=r"no split 'test'(?s:.*)train, val"):
        _open(root, split="test")
    (root / "data.yaml").write_text("names: [cat]\ntrain: nowhere\n")
    with pytest.raises(DataError, match="no images for train: nowhere of"):
        _open(root)
    (root / "data.yaml").write_text("train: images/train\n")
    with pytest.raises(DataError, match="has no names"):
        _open(root)
