from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hub.data.formats.coco import Coco, CocoOptions
from hub.data.formats.mask_folder import MaskFolder, MaskFolderOptions
from hub.data.formats.shapes import Shapes, ShapesOptions
from hub.data.tools.check import find_problems


def _coco(root: Path, annotations: list[dict]) -> Coco:
    images = []
    for number in range(1, 4):
        Image.new("RGB", (10, 8)).save(root / f"{number}.png")
        images.append({"id": number, "file_name": f"{number}.png", "width": 10, "height": 8})
    filled = [
        {"id": i + 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 4, 4], **a} for i, a in enumerate(annotations)
    ]
    content = {"images": images, "annotations": filled, "categories": [{"id": 1, "name": "cat"}]}
    (root / "a.json").write_text(json.dumps(content))
    return Coco(CocoOptions(root=str(root), images=".", annotations="a.json", max_bad_boxes=1))


def test_every_problem_is_listed(tmp_path: Path) -> None:
    square = [[1, 1, 5, 1, 5, 5]]
    data = _coco(
        tmp_path,
        [
            {"segmentation": square},
            {"bbox": [2, 2, 0, 4], "segmentation": square},
            {"bbox": [50, 2, 4, 4], "segmentation": square},
            {"segmentation": square},
            {"bbox": [3, 3, 9, 4], "image_id": 2},
        ],
    )
    (tmp_path / "2.png").write_bytes(b"no image")
    done: list[tuple[int, int]] = []
    found = find_problems(data, workers=3, progress=lambda *at: done.append(at))
    assert done == [(1, 3), (2, 3), (3, 3)]
    expected = [
        "image 1: annotation 2: a box without area: 2, 2, 2, 6",
        "image 1: annotation 3: a box outside the image",
        "image 1: annotation 4: the same box and class as annotation 1",
        "2.png cannot be decoded",
        "image 2: annotation 5: a box clipped to the image",
        "image 2: annotation 5: no mask, but other objects have one",
    ]
    assert len(found) == len(expected)
    for line, part in zip(found, expected, strict=True):
        assert part in line
        assert "\n" not in line


def test_masks_that_were_not_read_when_opening_are_read(tmp_path: Path) -> None:
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
        Image.fromarray(np.full((4, 4), 7, np.uint8)).save(tmp_path / folder / "a.png")
    data = MaskFolder(MaskFolderOptions(root=str(tmp_path), names=("wall",), check=0))
    (line,) = find_problems(data)
    assert "value 7 has no name" in line


@pytest.mark.parametrize("workers", [1, 4])
def test_valid_data_have_no_problems(tmp_path: Path, workers: int) -> None:
    data = Shapes(ShapesOptions(root=str(tmp_path / "s"), train=5, val=1, size=48))
    assert find_problems(data, workers=workers) == []


def test_data_without_an_object_are_a_problem(tmp_path: Path) -> None:
    (line,) = find_problems(_coco(tmp_path, [{"iscrowd": 1}]))
    assert "has no object to learn from" in line
