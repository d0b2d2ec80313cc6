"""Maps painted from masks have the annotated classes, smaller objects in front."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from hub.contract.instance_masks import InstanceMasks
from hub.contract.sample import Instances
from hub.data.annotations.painted import paint
from hub.data.formats.coco import Coco
from hub.errors import DataError

SQUARES = ((1, 1, 9), (4, 4, 3), (20, 2, 6))  # left, top, side; the second lies within the first


def coco(root: Path, *, names: tuple[str, ...] = ("cell", "nucleus"), masks: bool = True) -> Coco:
    Image.new("RGB", (32, 16)).save(root / "a.png")
    annotations = []
    for number, (left, top, side) in enumerate(SQUARES):
        polygon = [left, top, left + side, top, left + side, top + side, left, top + side]
        row: dict[str, Any] = {"id": number + 1, "image_id": 1, "category_id": 10 + number % 2, "iscrowd": 0}
        row |= {"bbox": [left, top, side, side], **({"segmentation": [polygon]} if masks else {})}
        annotations.append(row)
    file = {
        "images": [{"id": 1, "file_name": "a.png", "height": 16, "width": 32}],
        "categories": [{"id": 10 + i, "name": name} for i, name in enumerate(names)],
        "annotations": annotations,
    }
    (root / "a.json").write_text(json.dumps(file))
    return Coco(Coco.Options(root=str(root), images=".", annotations="a.json", semantic_from_masks=True))


def test_a_map_is_painted_from_coco(tmp_path: Path) -> None:
    dataset = coco(tmp_path)
    assert dataset.label_spaces["semantic"].names == ("background", "cell", "nucleus")
    sample = dataset.load(0, frozenset({"semantic"}))
    assert sample.instances is None
    expected = np.zeros((16, 32), np.uint8)
    for number, (left, top, side) in enumerate(SQUARES):
        polygon = [left, top, left + side, top, left + side, top + side, left, top + side]
        seen = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects([polygon], 16, 32))).astype(bool)
        expected[seen] = 1 + number % 2
    np.testing.assert_array_equal(sample.maps["semantic"], expected)
    both = dataset.load(0, frozenset({"semantic", "boxes"}))
    assert both.instances is not None
    assert both.instances.masks is None


def test_crowds_are_behind_and_objects_without_a_mask_are_unknown() -> None:
    masks = np.zeros((3, 4, 6), np.uint8)
    masks[0, 1:3, 1:3] = 1
    masks[1, :, :4] = 1
    objects = Instances(
        boxes=np.array([[1, 1, 3, 3], [0, 0, 4, 4], [2, 0, 5.5, 2]], np.float32),
        labels=np.array([0, 1, 0]),
        crowd=np.array([False, True, True]),
        masks=InstanceMasks.from_planes(masks),
    )
    expected = [[2, 2, 2, 2, 255, 255], [2, 1, 1, 2, 255, 255], [2, 1, 1, 2, 0, 0], [2, 2, 2, 2, 0, 0]]
    assert paint(objects, (4, 6)).tolist() == expected


def test_labels_that_cannot_be_painted_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="one of which is called 'background'"):
        coco(tmp_path, names=("background", "nucleus"))
    with pytest.raises(DataError, match="no masks for semantic_from_masks"):
        coco(tmp_path, masks=False)
