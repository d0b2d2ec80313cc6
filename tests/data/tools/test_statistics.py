"""Statistics against counts by hand, and pycocotools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from hub.data.formats.coco import Coco, CocoOptions
from hub.data.formats.csv_labels import CsvLabels, CsvOptions
from hub.data.formats.mask_folder import MaskFolder, MaskFolderOptions
from hub.data.formats.shapes import Shapes, ShapesOptions
from hub.data.tools.statistics import Range, dataset_statistics


def test_objects_are_counted_apart_from_crowds_and_bad_boxes(tmp_path: Path) -> None:
    for name, size in (("a", (200, 100)), ("b", (50, 300)), ("c", (10, 10))):
        Image.new("RGB", size).save(tmp_path / f"{name}.png")
    box = {"image_id": 1, "category_id": 4, "iscrowd": 0}
    annotations = [
        {**box, "bbox": [0, 0, 10, 10], "area": 32**2 - 1},
        {**box, "bbox": [0, 0, 40, 40], "area": 32**2, "segmentation": [[0, 0, 9, 0, 9, 9]]},
        {**box, "bbox": [0, 0, 99, 99], "area": 96**2, "category_id": 9, "image_id": 2},
        {**box, "bbox": [0, 0, 50, 50], "iscrowd": 1, "image_id": 3},
        {**box, "bbox": [5, 5, 0, 5]},
        {**box, "bbox": [500, 5, 5, 5]},
    ]
    content = {
        "images": [
            {"id": 1, "file_name": "a.png", "width": 200, "height": 100},
            {"id": 2, "file_name": "b.png", "width": 50, "height": 300},
            {"id": 3, "file_name": "c.png", "width": 10, "height": 10},
        ],
        "annotations": [{"id": i + 1, **a} for i, a in enumerate(annotations)],
        "categories": [{"id": 4, "name": "cat"}, {"id": 9, "name": "dog"}, {"id": 11, "name": "emu"}],
    }
    (tmp_path / "a.json").write_text(json.dumps(content))
    found = dataset_statistics(Coco(CocoOptions(root=str(tmp_path), images=".", annotations="a.json", max_bad_boxes=1)))
    assert found.images == 3
    assert found.widths == Range(10, 50, 200)
    assert found.heights == Range(10, 100, 300)
    objects = found.objects
    assert objects is not None
    assert (objects.total, objects.crowds, objects.images_without) == (3, 1, 1)
    assert (objects.small, objects.medium, objects.large) == (1, 1, 1)
    assert (objects.with_mask, objects.with_keypoints) == (1, 0)
    assert objects.per_image == Range(0, 1, 2)
    assert (objects.report.zero_area, objects.report.outside) == (1, 1)
    assert objects.per_class == {"cat": (2, 1), "dog": (1, 1), "emu": (0, 0)}


def test_pixels_are_counted_and_ignored_ones_apart(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    for name, values in (("a", [[0, 1], [1, 255]]), ("b", [[0, 0], [0, 0]])):
        Image.new("RGB", (2, 2)).save(tmp_path / f"images/{name}.png")
        Image.fromarray(np.array(values, np.uint8)).save(tmp_path / f"masks/{name}.png")
    seen: list[tuple[int, int]] = []
    data = MaskFolder(MaskFolderOptions(root=str(tmp_path), names=("floor", "wall", "door")))
    found = dataset_statistics(data, progress=lambda *at: seen.append(at))
    assert found.maps == {"semantic": {"floor": (5, 2), "wall": (2, 1), "door": (0, 0), None: (1, 1)}}
    assert found.objects is None
    assert seen == [(1, 2), (2, 2)]


def test_tags_are_counted_and_unknown_ones_apart(tmp_path: Path) -> None:
    for name in "abc":
        Image.new("RGB", (2, 2)).save(tmp_path / f"{name}.png")
    (tmp_path / "t.csv").write_text("file,edema,fracture\na.png,1,1\nb.png,1,0\nc.png,,0\n")
    found = dataset_statistics(CsvLabels(CsvOptions(root=str(tmp_path), file="t.csv", unknown="mask")))
    assert found.tags == {"labels": {"edema": 2, "fracture": 1, None: 1}}


def test_everything_at_once(tmp_path: Path) -> None:
    data = Shapes(ShapesOptions(root=str(tmp_path / "s"), train=6, val=2, size=48))
    found = dataset_statistics(data)
    assert found.objects is not None
    assert found.objects.with_keypoints == found.objects.with_mask == found.objects.total
    semantic = [
        np.bincount(data.load(i, frozenset({"semantic"})).maps["semantic"].ravel(), minlength=6) for i in range(6)
    ]
    assert [pixels for pixels, _ in found.maps["semantic"].values()] == np.sum(semantic, 0).tolist()
    assert sum(found.tags["class"].values()) == 6
    assert found.tags["labels"] == {name: images for name, (_, images) in found.objects.per_class.items()}


@pytest.mark.parametrize("split", ["train", "val"])
def test_real_coco_counts_as_pycocotools_does(shared_data: Any, split: str) -> None:
    root = shared_data("coco128")
    place = f"annotations/instances_{split}2017.json"
    objects = dataset_statistics(Coco(CocoOptions(root=str(root), images=f"{split}2017", annotations=place))).objects
    reference = COCO(root / place)
    assert objects is not None
    assert objects.crowds == len(reference.getAnnIds(iscrowd=True))
    assert objects.total == len(reference.getAnnIds(iscrowd=False))
    assert objects.small == len(
        [a for a in reference.loadAnns(reference.getAnnIds(iscrowd=False)) if a["area"] < 32**2]
    )
    for category in reference.loadCats(reference.getCatIds()):
        annotations = reference.loadAnns(reference.getAnnIds(catIds=[category["id"]], iscrowd=False))
        expected = len(annotations), len({a["image_id"] for a in annotations})
        assert objects.per_class[category["name"]] == expected
