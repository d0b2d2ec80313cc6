"""Exports of LabelMe, CVAT, Label Studio, Open Images and Supervisely: detected, and read to the pixel."""

from __future__ import annotations

import base64
import io
import json
import logging
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from hub.contract import Dataset, parse_options
from hub.data.formats.detect import detect_format
from hub.errors import AnnotationError, DataError
from hub.registry import find

HEIGHT, WIDTH = 20, 40
SQUARE = [[4, 4], [12, 4], [12, 10], [4, 10]]


def image(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((HEIGHT, WIDTH, 3), np.uint8)).save(path)


def png(mask: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(mask).save(stream, "PNG")
    return stream.getvalue()


def open_detected(root: Path, expected: str, split: str = "train") -> Dataset:
    name, options = detect_format(root, split)
    assert name == expected
    made: type[Any] = find("datasets", name).target()
    data = made(parse_options(made.Options, {"root": str(root), **options}, owner=name))
    assert isinstance(data, Dataset)
    return data


def objects(data: Dataset, index: int = 0) -> tuple[list[str], list[list[float]], list[int]]:
    """Return names, boxes and mask areas of the objects of an image."""
    needs = frozenset({"boxes", "masks"}) & data.provides
    found = data.load(index, needs).instances
    assert found is not None
    names = [data.label_spaces["instances"].names[i] for i in found.labels]
    areas = found.masks.planes().sum(axis=(1, 2)).astype(int).tolist() if found.masks is not None else []
    return names, np.round(found.boxes, 3).tolist(), areas


def area(polygon: list[list[float]]) -> int:
    """Return the pixels that pycocotools gives a polygon."""
    flat = [[float(v) for point in polygon for v in point]]
    return int(coco_mask.area(coco_mask.frPyObjects(flat, HEIGHT, WIDTH))[0])


def labelme(root: Path, shapes: list[dict[str, Any]], **changes: Any) -> None:
    image(root / "a.jpg")
    content = {"imagePath": "a.jpg", "imageHeight": HEIGHT, "imageWidth": WIDTH, "shapes": shapes, **changes}
    (root / "a.json").write_text(json.dumps(content))


def test_labelme(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    part = np.full((3, 5), 255, np.uint8)
    labelme(
        tmp_path,
        [
            {"label": "cat", "shape_type": "polygon", "points": SQUARE},
            {"label": "dog", "shape_type": "rectangle", "points": [[30, 12], [20, 2]]},
            {"label": "cat", "shape_type": "circle", "points": [[10, 10], [10, 15]]},
            {
                "label": "dog",
                "shape_type": "mask",
                "points": [[7, 8], [11, 10]],
                "mask": base64.b64encode(png(part)).decode(),
            },
            {"label": "cat", "shape_type": "point", "points": [[3, 3]]},
        ],
        imagePath="..\\photos\\a.jpg",
    )
    with caplog.at_level(logging.WARNING, "hub"):
        names, boxes, areas = objects(open_detected(tmp_path, "labelme"))
    assert "skipped shapes without an area: 1 × point" in caplog.text
    assert names == ["cat", "dog", "cat", "dog"]
    assert boxes == [[4, 4, 12, 10], [20, 2, 30, 12], [5, 5, 15, 15], [7, 8, 12, 11]]
    assert areas[0] == area(SQUARE)
    assert areas[3] == 15
    assert abs(areas[2] - np.pi * 25) < 6


def test_labelme_shapes_of_one_group_are_one_object(tmp_path: Path) -> None:
    other = [[20, 4], [28, 4], [28, 10], [20, 10]]
    shapes = [{"label": "cat", "points": points, "group_id": 3} for points in (SQUARE, other)]
    labelme(tmp_path, [*shapes, {"label": "cat", "points": SQUARE}])
    names, boxes, areas = objects(open_detected(tmp_path, "labelme"))
    assert names == ["cat", "cat"]
    assert boxes == [[4, 4, 28, 10], [4, 4, 12, 10]]
    assert areas == [area(SQUARE) + area(other), area(SQUARE)]


@pytest.mark.parametrize(
    "shape", [{"points": SQUARE}, {"label": "cat", "points": "x"}, {"label": "cat", "points": [1]}]
)
def test_a_broken_labelme_shape_is_named(tmp_path: Path, shape: dict[str, Any]) -> None:
    labelme(tmp_path, [shape])
    with pytest.raises(AnnotationError, match=r"a\.json: shape 0 cannot be read"):
        open_detected(tmp_path, "labelme")


CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version>
<meta><task><labels><label><name>dog</name></label><label><name>cat</name></label></labels></task></meta>
<image id="0" name="sub/a.jpg" width="40" height="20">
<polygon label="cat" points="4,4;12,4;12,10;4,10" group_id="0"/>
<box label="dog" xtl="20" ytl="2" xbr="30" ybr="12"/>
<box label="dog" xtl="10" ytl="6" xbr="30" ybr="14" rotation="90"/>
<mask label="cat" rle="1, 4, 10" left="7" top="8" width="5" height="3"/>
<ellipse label="cat" cx="20" cy="10" rx="10" ry="5"/>
<points label="dog" points="1,1"/>
</image></annotations>"""


def test_cvat(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    image(tmp_path / "images/sub/a.jpg")
    (tmp_path / "annotations.xml").write_text(CVAT)
    with caplog.at_level(logging.WARNING, "hub"):
        data = open_detected(tmp_path, "cvat")
    assert "1 × points" in caplog.text
    assert data.label_spaces["instances"].names == ("dog", "cat")
    names, boxes, areas = objects(data)
    assert names == ["cat", "dog", "dog", "cat", "cat"]
    assert boxes == [[4, 4, 12, 10], [20, 2, 30, 12], [16, 0, 24, 20], [8, 8, 12, 9], [10, 5, 30, 15]]
    assert (areas[0], areas[3]) == (area(SQUARE), 4)
    assert abs(areas[4] - np.pi * 50) < 8


def test_cvat_for_video_and_broken_masks_are_rejected(tmp_path: Path) -> None:
    image(tmp_path / "images/sub/a.jpg")
    (tmp_path / "annotations.xml").write_text(CVAT.replace("<image", '<track id="0"/><image'))
    with pytest.raises(AnnotationError, match="is CVAT for video"):
        open_detected(tmp_path, "cvat")
    (tmp_path / "annotations.xml").write_text(CVAT.replace('rle="1, 4, 10"', 'rle="1, 4"'))
    with pytest.raises(AnnotationError, match="runs of a mask sum to 5, its crop has 15 pixels"):
        open_detected(tmp_path, "cvat")


def label_studio(root: Path, result: list[dict[str, Any]], address: str = "/data/upload/1/9f-a.jpg") -> None:
    image(root / "images/9f-a.jpg")
    for region in result:
        region |= {"original_width": WIDTH, "original_height": HEIGHT}
    tasks = [{"id": 5, "data": {"image": address}, "annotations": [{"was_cancelled": False, "result": result}]}]
    (root / "result.json").write_text(json.dumps(tasks))


def test_label_studio(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    percent = [[x / WIDTH * 100, y / HEIGHT * 100] for x, y in SQUARE]
    rectangle = {"x": 50, "y": 10, "width": 25, "height": 50, "rotation": 0, "rectanglelabels": ["dog"]}
    label_studio(
        tmp_path,
        [
            {"type": "polygonlabels", "value": {"points": percent, "polygonlabels": ["cat"]}},
            {"type": "rectanglelabels", "value": rectangle},
            {"type": "rectanglelabels", "value": {**rectangle, "rotation": 90}},
            {
                "type": "ellipselabels",
                "value": {"x": 50, "y": 50, "radiusX": 25, "radiusY": 25, "ellipselabels": ["cat"]},
            },
            {"type": "brushlabels", "value": {"format": "rle", "rle": [], "brushlabels": ["cat"]}},
        ],
    )
    with caplog.at_level(logging.WARNING, "hub"):
        names, boxes, areas = objects(open_detected(tmp_path, "label-studio"))
    assert "1 × brushlabels" in caplog.text
    assert names == ["cat", "dog", "dog", "cat"]
    # The third turns by a quarter around its first corner, from 20 2 30 12 to 10 2 20 12.
    assert boxes == [[4, 4, 12, 10], [20, 2, 30, 12], [10, 2, 20, 12], [10, 5, 30, 15]]
    assert areas[0] == area(SQUARE)


@pytest.mark.parametrize(
    "address", ["/data/local-files/?d=images%2F9f-a.jpg", "s3://bucket/path/9f-a.jpg", "9f-a.jpg?token=1"]
)
def test_label_studio_finds_images_by_any_address(tmp_path: Path, address: str) -> None:
    region = {"type": "rectanglelabels", "value": {"x": 0, "y": 0, "width": 10, "height": 10, "rectanglelabels": ["a"]}}
    label_studio(tmp_path, [region], address)
    assert open_detected(tmp_path, "label-studio").ids == ["images/9f-a.jpg"]


def test_open_images(tmp_path: Path) -> None:
    image(tmp_path / "train/0a1b.jpg")
    image(tmp_path / "train/ffff.jpg")
    (tmp_path / "train-annotations-bbox.csv").write_text(
        "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf\n"
        "0a1b,xclick,/m/01,1,0.5,0.75,0.1,0.6,0,0,0\n0a1b,xclick,/m/02,1,0,1,0,1,0,0,1\n"
    )
    (tmp_path / "class-descriptions.csv").write_text("/m/01,Dog\n/m/02,Cat\n")
    data = open_detected(tmp_path, "open-images")
    assert len(data) == 2  # an image without a box is an image without objects
    names, boxes, _ = objects(data)
    assert (names, boxes) == (["Dog", "Cat"], [[20, 2, 30, 12], [0, 0, 40, 20]])
    found = data.load(0, frozenset({"boxes"})).instances
    assert found is not None
    assert found.crowd.tolist() == [False, True]


def test_supervisely(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    image(tmp_path / "ds/img/a.jpg")
    (tmp_path / "meta.json").write_text(json.dumps({"classes": [{"title": "dog"}, {"title": "cat"}]}))
    part = base64.b64encode(zlib.compress(png(np.full((3, 5), 255, np.uint8)))).decode()
    hole = [[6, 6], [10, 6], [10, 8], [6, 8]]
    shapes = [
        {"classTitle": "cat", "geometryType": "polygon", "points": {"exterior": SQUARE, "interior": []}},
        {"classTitle": "cat", "geometryType": "polygon", "points": {"exterior": SQUARE, "interior": [hole]}},
        {"classTitle": "dog", "geometryType": "rectangle", "points": {"exterior": [[20, 2], [30, 12]], "interior": []}},
        {"classTitle": "dog", "geometryType": "bitmap", "bitmap": {"data": part, "origin": [7, 8]}},
        {"classTitle": "dog", "geometryType": "point", "points": {"exterior": [[1, 1]], "interior": []}},
    ]
    (tmp_path / "ds/ann").mkdir()
    (tmp_path / "ds/ann/a.jpg.json").write_text(
        json.dumps({"size": {"height": HEIGHT, "width": WIDTH}, "objects": shapes})
    )
    with caplog.at_level(logging.WARNING, "hub"):
        data = open_detected(tmp_path, "supervisely")
    assert "1 × point" in caplog.text
    assert data.label_spaces["instances"].names == ("dog", "cat")
    names, boxes, areas = objects(data)
    assert names == ["cat", "cat", "dog", "dog"]
    assert boxes == [[4, 4, 12, 10], [4, 4, 12, 10], [20, 2, 30, 12], [7, 8, 12, 11]]
    assert areas[0] == area(SQUARE)
    assert areas[1] == area(SQUARE) - area(hole)
    assert areas[3] == 15


def test_an_unknown_folder_names_what_was_tried(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no format recognizes .*tried .*coco.*labelme.*yolo"):
        detect_format(tmp_path, "train")
    with pytest.raises(DataError, match="does not exist"):
        detect_format(tmp_path / "nowhere", "train")


def test_real_layouts_are_detected(shared_data: Any) -> None:
    assert detect_format(shared_data("coco128"), "val") == (
        "coco",
        {"images": "val2017", "annotations": "annotations/instances_val2017.json"},
    )
    assert detect_format(shared_data("bccd"), "test") == ("voc", {"split": "test"})
    assert detect_format(shared_data("nuclei"), "train")[0] == "coco"
