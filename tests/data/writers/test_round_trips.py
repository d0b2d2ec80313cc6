"""Round trips: everything that a format supports is read back unchanged."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from PIL import Image
from pycocotools import mask as coco_mask

from hub.contract.dataset import Dataset
from hub.contract.packed import PackedBytes
from hub.data.formats.coco import Coco, CocoOptions
from hub.data.formats.csv_labels import CsvLabels, CsvOptions
from hub.data.formats.image_folder import ImageFolder, ImageFolderOptions
from hub.data.formats.mask_folder import MaskFolder, MaskFolderOptions
from hub.data.writers.convert import convert
from hub.engine.build import open_dataset

FEW = settings(max_examples=30, deadline=None)
NAMES = ("cat", "traffic light", "chien & été <3")


@st.composite
def boxes(draw: DrawFn, width: int, height: int) -> list[float]:
    """x y w h to two decimals, as COCO has them, inside the image."""
    x, y = draw(st.integers(0, 100 * width - 1)), draw(st.integers(0, 100 * height - 1))
    w, h = draw(st.integers(1, 100 * width - x)), draw(st.integers(1, 100 * height - y))
    return [x / 100, y / 100, w / 100, h / 100]


@st.composite
def segmentations(draw: DrawFn, width: int, height: int) -> Any:
    """Polygons to two decimals, or a compressed or uncompressed RLE."""
    kind = draw(st.sampled_from(["polygons", "rle", "runs"]))
    if kind == "polygons":
        point = st.tuples(st.integers(0, 100 * width), st.integers(0, 100 * height))
        polygons = draw(st.lists(st.lists(point, min_size=3, max_size=6), min_size=1, max_size=3))
        return [[side / 100 for corner in polygon for side in corner] for polygon in polygons]
    bits = draw(st.binary(min_size=width * height, max_size=width * height))
    mask = np.frombuffer(bits, np.uint8).reshape(height, width) & 1
    if kind == "rle":
        rle = coco_mask.encode(np.asfortranarray(mask))
        return {"size": [height, width], "counts": rle["counts"].decode()}
    runs, value = [0], 0
    for pixel in mask.T.ravel().tolist():
        if pixel != value:
            runs.append(0)
            value = pixel
        runs[-1] += 1
    return {"size": [height, width], "counts": runs}


@st.composite
def contents(draw: DrawFn, *, masks: bool = True) -> dict[str, Any]:
    """A COCO file with crowds, masks and keypoints."""
    sizes = draw(st.lists(st.tuples(st.integers(3, 12), st.integers(3, 12)), min_size=1, max_size=3))
    numbers = draw(st.lists(st.integers(1, 10**6), min_size=len(sizes), max_size=len(sizes), unique=True))
    images = [
        {"id": number, "file_name": f"{number}.png", "width": w, "height": h}
        for number, (w, h) in zip(numbers, sizes, strict=True)
    ]
    annotations = []
    for number in draw(st.lists(st.integers(1, 10**9), max_size=6, unique=True)):
        image = draw(st.sampled_from(images))
        size = image["width"], image["height"]
        annotation: dict[str, Any] = {
            "id": number,
            "image_id": image["id"],
            "category_id": draw(st.sampled_from([5, 7, 90])),
            "bbox": draw(boxes(*size)),
            "area": draw(st.integers(1, 10**4)) / 100,
            "iscrowd": draw(st.integers(0, 1)),
        }
        if masks:
            annotation["segmentation"] = draw(segmentations(*size))
        if annotation["category_id"] == 5 and draw(st.booleans()):
            annotation["keypoints"] = [draw(st.integers(0, 1000)) / 100 for _ in range(4)] + [0.5, 2]
        annotations.append(annotation)
    categories: list[dict[str, Any]] = [{"id": id_, "name": name} for id_, name in zip((5, 7, 90), NAMES, strict=True)]
    categories[0]["keypoints"] = ["nose", "tail"]
    return {"images": images, "annotations": annotations, "categories": categories}


@contextmanager
def source(content: dict[str, Any]) -> Iterator[tuple[Coco, Path]]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "source"
        root.mkdir()
        for number, image in enumerate(content["images"]):
            pixels = np.full((image["height"], image["width"], 3), 40 * number, np.uint8)
            Image.fromarray(pixels).save(root / image["file_name"])
        (root / "a.json").write_text(json.dumps(content))
        yield Coco(CocoOptions(root=str(root), images=".", annotations="a.json", max_bad_boxes=1)), Path(folder)


def there(dataset: Dataset, format: str, out: Path, **options: Any) -> Any:
    """Convert the dataset, and open the result."""
    section = convert({"train": dataset}, format, out, **options).sections["train"]
    return open_dataset(section, root=str(out), where="train")


def assert_same_packed(ours: Any, theirs: Any, *, but: tuple[str, ...] = ()) -> None:
    for field in dataclasses.fields(ours):
        if field.name in but:
            continue
        one, other = getattr(ours, field.name), getattr(theirs, field.name)
        if isinstance(one, np.ndarray):
            np.testing.assert_array_equal(one, other, err_msg=field.name)
        elif isinstance(one, PackedBytes):
            assert list(one) == list(other), field.name
        else:
            assert one == other, field.name


@FEW
@given(contents())
def test_coco_to_coco_is_equal_to_the_last_bit(content: dict[str, Any]) -> None:
    for annotation in content["annotations"][:1]:
        annotation["bbox"] = [1, 1, 0, 3]  # unusable, and kept all the same
    with source(content) as (dataset, folder):
        again = there(dataset, "coco", folder / "out")
        assert again.ids == dataset.ids
        assert again.label_spaces == dataset.label_spaces
        assert again.provides == dataset.provides
        np.testing.assert_array_equal(again.sizes, dataset.sizes)
        assert_same_packed(dataset.instances, again.instances)
        for index in range(len(dataset)):
            assert again.path(index).read_bytes() == dataset.path(index).read_bytes()


@FEW
@given(contents(masks=False))
def test_vocs_boxes_move_by_half_a_pixel_at_most(content: dict[str, Any]) -> None:
    with source(content) as (dataset, folder):
        voc = there(dataset, "voc", folder / "voc")
        again = there(voc, "coco", folder / "coco")
        assert again.label_spaces["instances"].names == NAMES
        assert_same_packed(voc.instances, again.instances)
        ours, theirs = dataset.instances, again.instances
        np.testing.assert_array_equal(ours.labels, theirs.labels)
        np.testing.assert_array_equal(ours.crowd, theirs.crowd)
        rounded = np.rint(ours.boxes)
        wide = (rounded[:, 2:] - rounded[:, :2]).min(1, initial=9) > 1
        assert np.abs(ours.boxes - theirs.boxes)[wide].max(initial=0) <= 0.5
        # The others are two pixels now, inside the image and around what they were.
        middles = (ours.boxes + np.roll(ours.boxes, 2, 1))[:, :2] / 2
        assert (np.abs(middles - (theirs.boxes[:, :2] + theirs.boxes[:, 2:]) / 2) <= 1).all()
        assert theirs.usable.all()


@FEW
@given(contents(masks=False))
def test_yolos_boxes_come_back(content: dict[str, Any]) -> None:
    for annotation in content["annotations"]:
        annotation["iscrowd"] = 0
    with source(content) as (dataset, folder):
        yolo = there(dataset, "yolo", folder / "yolo")
        again = there(yolo, "coco", folder / "coco")
        assert_same_packed(yolo.instances, again.instances)
        order = np.argsort([dataset.path(i).name for i in range(len(dataset))])
        ours = [dataset.instances.boxes[dataset.instances.of_image(i)] for i in order]
        theirs = [again.instances.boxes[again.instances.of_image(i)] for i in range(len(again))]
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)


@FEW
@given(contents())
def test_yolos_polygons_cover_the_same_pixels_holes_and_parts_too(content: dict[str, Any]) -> None:
    with source(content) as (dataset, folder):
        masks = frozenset({"boxes", "masks"})
        if "masks" not in dataset.provides:
            return
        yolo = there(dataset, "yolo", folder / "yolo")
        order = np.argsort([dataset.path(i).name for i in range(len(dataset))])
        for place, index in enumerate(order):
            ours = dataset.load(int(index), masks).instances
            assert ours is not None
            assert ours.masks is not None
            if "masks" not in yolo.provides:  # there was nothing to write
                assert ours.crowd.all()
                continue
            # Crowds, and masks without a pixel, are left out.
            theirs = yolo.load(place, masks).instances
            assert theirs is not None
            assert theirs.masks is not None
            np.testing.assert_array_equal(ours.masks[~ours.crowd].planes(), theirs.masks.planes())


@FEW
@given(st.integers(3, 12), st.integers(3, 12), st.data())
def test_mask_folder_and_vocs_segmentation_are_equal(height: int, width: int, data: st.DataObject) -> None:
    values = st.sampled_from([0, 1, 2, 255])
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "source"
        (root / "images").mkdir(parents=True)
        (root / "masks").mkdir()
        for name in ("a", "b"):
            Image.new("RGB", (width, height)).save(root / "images" / f"{name}.png")
            flat = data.draw(st.lists(values, min_size=height * width, max_size=height * width))
            Image.fromarray(np.array(flat, np.uint8).reshape(height, width)).save(root / "masks" / f"{name}.png")
        dataset = MaskFolder(MaskFolderOptions(root=str(root), names=NAMES))
        voc = there(dataset, "voc-segmentation", Path(folder) / "voc")
        again = there(voc, "mask-folder", Path(folder) / "again")
        assert again.label_spaces == voc.label_spaces == dataset.label_spaces
        for index in range(2):
            first, second, third = (
                each.load(index, frozenset({"semantic"})).maps["semantic"] for each in (dataset, voc, again)
            )
            np.testing.assert_array_equal(first, second)
            np.testing.assert_array_equal(first, third)


@FEW
@given(st.lists(st.lists(st.sampled_from(["0", "1", ""]), min_size=2, max_size=2), min_size=1, max_size=4))
def test_a_table_comes_back_with_what_is_unknown(rows: list[list[str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "source"
        root.mkdir()
        for number in range(len(rows)):
            Image.new("RGB", (4, 4)).save(root / f"{number}.png")
        lines = [",".join([f"{number}.png", *row]) for number, row in enumerate(rows)]
        (root / "t.csv").write_text("\n".join(["name,a,b", *lines]))
        dataset = CsvLabels(CsvOptions(root=str(root), file="t.csv", unknown="mask"))
        again = there(dataset, "csv", Path(folder) / "out")
        np.testing.assert_array_equal(again.values, dataset.values)
        assert again.label_spaces == dataset.label_spaces


def test_folders_of_classes_become_a_table_and_folders_again(tmp_path: Path) -> None:
    for number, name in enumerate(("cat/a.png", "cat/b.png", "dog/a.png")):
        (tmp_path / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), (50 * number, 0, 0)).save(tmp_path / "source" / name)
    dataset = ImageFolder(ImageFolderOptions(root=str(tmp_path / "source")))
    table = there(dataset, "csv", tmp_path / "table")
    assert table.values.tolist() == [[1, 0], [1, 0], [0, 1]]
    again = there(table, "image-folder", tmp_path / "again")
    assert again.label_spaces["class"].names == ("cat", "dog")
    assert again.labels.tolist() == [0, 0, 1]
    assert [again.path(i).read_bytes() for i in range(3)] == [dataset.path(i).read_bytes() for i in range(3)]


@pytest.mark.parametrize("split", ["train", "val"])
def test_real_coco_comes_back_and_its_areas_are_those_of_pycocotools(
    shared_data: Any, tmp_path: Path, split: str
) -> None:
    options = CocoOptions(
        root=str(shared_data("coco128")), images=f"{split}2017", annotations=f"annotations/instances_{split}2017.json"
    )
    dataset = Coco(options)
    assert_same_packed(dataset.instances, there(dataset, "coco", tmp_path / "coco").instances)
    voc = there(dataset, "voc", tmp_path / "voc").instances
    np.testing.assert_array_equal(voc.crowd, dataset.instances.crowd)
    assert np.abs(voc.boxes - dataset.instances.boxes).max() < 1


def test_polygons_of_nuclei_have_the_areas_of_pycocotools(shared_data: Any, tmp_path: Path) -> None:
    options = CocoOptions(
        root=str(shared_data("nuclei")), images="images", annotations="annotations/instances_val.json"
    )
    dataset = Coco(options)
    yolo = there(dataset, "yolo", tmp_path / "yolo")
    assert dataset.instances.segments is not None
    order = np.argsort([dataset.path(i).name for i in range(len(dataset))])
    rows = np.concatenate([np.arange(len(dataset.instances))[dataset.instances.of_image(i)] for i in order])
    rles = [json.loads(dataset.instances.segments[row]) for row in rows]
    areas = [int(coco_mask.area({**rle, "counts": rle["counts"].encode()})) for rle in rles]
    np.testing.assert_allclose(yolo.instances.area, areas, rtol=1e-9)
