"""YOLO exports as tools write them: Ultralytics, Roboflow, CVAT's YOLO 1.1, Label Studio."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hub.data.formats.detect import detect_format
from hub.data.formats.yolo import Yolo
from hub.errors import AnnotationError, DataError

LINE = "1 0.5 0.5 0.25 0.5\n"  # on 40 × 20 pixels: 15 5 25 15


def image(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((20, 40, 3), np.uint8)).save(path)
    return path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def boxes(root: Path, split: str = "train") -> list[list[float]]:
    """Detect the format of a folder, open it and return the boxes of all images."""
    name, options = detect_format(root, split)
    assert name == "yolo"
    data = Yolo(Yolo.Options(root=str(root), **options))
    assert data.label_spaces["instances"].names == ("cat", "dog")
    return data.instances.boxes.tolist()


@pytest.mark.parametrize("place", ["../train/images", "./train/images", "train/images", "train", "\\train\\images"])
def test_roboflow_names_the_images_from_another_folder(tmp_path: Path, place: str) -> None:
    image(tmp_path / "train/images/a.jpg")
    write(tmp_path / "train/labels/a.txt", LINE)
    write(tmp_path / "data.yaml", f"names: [cat, dog]\nnc: 2\ntrain: {place}\nval: ../valid/images\n")
    assert boxes(tmp_path) == [[15, 5, 25, 15]]


@pytest.mark.parametrize("split", ["val", "valid", "validation"])
@pytest.mark.parametrize("key", ["val", "valid"])
def test_val_and_valid_are_the_same(tmp_path: Path, split: str, key: str) -> None:
    image(tmp_path / "valid/images/a.jpg")
    write(tmp_path / "valid/labels/a.txt", LINE)
    write(tmp_path / "data.yaml", f"names: [cat, dog]\ntrain: train/images\n{key}: valid/images\n")
    assert boxes(tmp_path, split) == [[15, 5, 25, 15]]


def test_ultralytics_gives_a_base_folder_and_several_places(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        image(tmp_path / f"data/images/{folder}/a.jpg")
        write(tmp_path / f"data/labels/{folder}/a.txt", LINE)
    write(
        tmp_path / "coco8.yaml",
        "path: data\nnames: {0: cat, '1': dog}\ntrain: [images/one, images/two]\nval: images/two\n",
    )
    assert boxes(tmp_path) == [[15, 5, 25, 15]] * 2


def test_cvat_keeps_labels_beside_the_images(tmp_path: Path) -> None:
    image(tmp_path / "obj_train_data/a.jpg")
    write(tmp_path / "obj_train_data/a.txt", LINE)
    write(tmp_path / "obj.names", "cat\ndog\n")
    write(tmp_path / "obj.data", "classes = 2\ntrain = data/train.txt\nnames = data/obj.names\nbackup = backup/\n")
    write(tmp_path / "train.txt", "data/obj_train_data/a.jpg\n")
    assert boxes(tmp_path) == [[15, 5, 25, 15]]


def test_label_studio_has_no_splits(tmp_path: Path) -> None:
    image(tmp_path / "images/a.jpg")
    write(tmp_path / "labels/a.txt", LINE)
    write(tmp_path / "classes.txt", "cat\ndog\n")
    write(tmp_path / "notes.json", '{"categories": []}')
    assert boxes(tmp_path) == [[15, 5, 25, 15]]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks_are_no_text(tmp_path: Path, encoding: str) -> None:
    image(tmp_path / "images/a.jpg")
    write(tmp_path / "labels/a.txt", "")
    (tmp_path / "labels/a.txt").write_text(LINE, encoding=encoding)
    (tmp_path / "data.yaml").write_text("names: [cat, dog]\ntrain: images\n", encoding=encoding)
    assert boxes(tmp_path) == [[15, 5, 25, 15]]


def test_a_split_without_any_label_file_gives_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    image(tmp_path / "images/a.jpg")
    write(tmp_path / "data.yaml", "names: [cat, dog]\ntrain: images\n")
    with caplog.at_level(logging.WARNING, "hub"):
        assert boxes(tmp_path) == []
    assert (
        f"none of the 1 images has a label file, so there are no objects; looked in {tmp_path / 'labels'}"
        in caplog.text
    )


def test_keypoints_are_read_where_the_data_file_declares_them(tmp_path: Path) -> None:
    image(tmp_path / "images/a.jpg")
    write(tmp_path / "labels/a.txt", "0 0.5 0.5 0.25 0.5 0.25 0.5 2 0 0 0\n")
    write(tmp_path / "data.yaml", "names: [cat, dog]\ntrain: images\nkpt_shape: [2, 3]\n")
    data = Yolo(Yolo.Options(root=str(tmp_path)))
    assert data.provides == {"boxes", "keypoints"}
    assert data.instances.boxes.tolist() == [[15, 5, 25, 15]]
    assert data.instances.keypoints is not None
    assert data.instances.keypoints.tolist() == [[[10, 10, 2], [0, 0, 0]]]


def test_keypoints_without_visibility_are_visible_unless_at_the_origin(tmp_path: Path) -> None:
    image(tmp_path / "images/a.jpg")
    write(tmp_path / "labels/a.txt", "0 0.5 0.5 0.25 0.5 0.25 0.5 0 0\n")
    write(tmp_path / "data.yaml", "names: [cat, dog]\ntrain: images\nkpt_shape: [2, 2]\n")
    data = Yolo(Yolo.Options(root=str(tmp_path)))
    assert data.instances.keypoints is not None
    assert data.instances.keypoints.tolist() == [[[10, 10, 2], [0, 0, 0]]]
    write(tmp_path / "labels/a.txt", LINE)
    with pytest.raises(AnnotationError, match="a box and 2 keypoints of 2 are 8"):
        Yolo(Yolo.Options(root=str(tmp_path)))


def test_a_missing_data_file_and_a_wrong_number_of_names_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no data\.yaml"):
        Yolo(Yolo.Options(root=str(tmp_path)))
    image(tmp_path / "images/a.jpg")
    write(tmp_path / "data.yaml", "names: [cat, dog]\nnc: 3\ntrain: images\n")
    with pytest.raises(DataError, match="has 2 names, but nc is 3"):
        Yolo(Yolo.Options(root=str(tmp_path)))
