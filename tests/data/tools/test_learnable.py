"""Data without anything to learn from are refused before the first step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hub.data.formats.coco import Coco
from hub.data.formats.yolo import Yolo
from hub.data.tools.learnable import check_learnable, warn_if_nothing_to_score
from hub.errors import DataError
from hub.files import write_json


def coco(root: Path, annotations: list[dict[str, Any]]) -> Coco:
    Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save(root / "a.png")
    write_json(
        root / "a.json",
        {
            "images": [{"id": 1, "file_name": "a.png", "height": 48, "width": 64}],
            "annotations": annotations,
            "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
        },
    )
    return Coco(Coco.Options(root=str(root), images=".", annotations="a.json", max_bad_boxes=1))


def one(**changes: Any) -> dict[str, Any]:
    return {"id": 1, "image_id": 1, "category_id": 1, "bbox": [4, 4, 20, 20], "area": 400, "iscrowd": 0, **changes}


@pytest.mark.parametrize(
    ("annotations", "said"),
    [
        ([], "1 images, 0 annotations"),
        ([one(iscrowd=1)], "1 annotations, 1 of them crowd regions"),
        ([one(bbox=[4, 4, 0, 20])], "0 of them crowd regions and 1 without a usable box"),
    ],
)
def test_data_without_an_object_are_refused(
    tmp_path: Path, annotations: list[dict[str, Any]], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    data = coco(tmp_path, annotations)
    with pytest.raises(DataError, match=f"has no object to learn from: .*{said}"):
        check_learnable(data)
    warn_if_nothing_to_score(data)
    assert "has no objects, so" in caplog.text


def test_a_missing_folder_of_labels_is_nothing_to_learn_from(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save(tmp_path / "images/a.png")
    (tmp_path / "data.yaml").write_text("names: [cat]\ntrain: images\n")
    with pytest.raises(DataError, match="1 images, 0 annotations"):
        check_learnable(Yolo(Yolo.Options(root=str(tmp_path))))


def test_a_class_that_never_occurs_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    check_learnable(coco(tmp_path, [one()]))
    assert "no object of 1 of the 2 classes: dog" in caplog.text
