"""The messages, errors and files of conversions."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from hub.data import Dataset, Output
from hub.data.formats.coco import Coco, CocoOptions
from hub.data.formats.csv_labels import CsvLabels, CsvOptions
from hub.data.formats.image_folder import ImageFolder, ImageFolderOptions
from hub.data.formats.mask_folder import MaskFolder, MaskFolderOptions
from hub.data.formats.shapes import Shapes, ShapesOptions
from hub.data.formats.voc import Voc, VocOptions
from hub.data.writers.convert import convert, writable
from hub.engine.build import open_dataset
from hub.errors import ContractError, DataError, ImageError, SaveError, UnknownNameError
from hub.registry import register, unregister
from hub.spec import DatasetSpec

SQUARE = [[1, 1, 5, 1, 5, 5, 1, 5]]


def coco(
    root: Path, annotations: list[dict[str, Any]], *, names: tuple[str, ...] = ("cat", "dog"), **more: Any
) -> Coco:
    """One image of 10 × 8 pixels with these annotations."""
    root.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (10, 8), (9, 9, 9)).save(root / "a.png")
    filled = [
        {"image_id": 1, "category_id": 1, "bbox": [1, 1, 4, 4], "id": i + 1, **a} for i, a in enumerate(annotations)
    ]
    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": 10, "height": 8}],
        "annotations": filled,
        "categories": [{"id": i + 1, "name": name} for i, name in enumerate(names)],
    }
    (root / "a.json").write_text(json.dumps(content))
    return Coco(CocoOptions(root=str(root), images=".", annotations="a.json", **more))


@pytest.fixture
def shapes(tmp_path: Path) -> dict[str, Dataset]:
    options = {"root": str(tmp_path / "shapes"), "train": 4, "val": 3, "size": 48}
    return {split: Shapes(ShapesOptions(split=split, **options)) for split in ("train", "val")}


def test_all_first_party_formats_except_shapes_can_be_written() -> None:
    assert {"coco", "csv", "image-folder", "mask-folder", "voc", "voc-segmentation", "yolo"} <= set(writable())
    assert "shapes" not in writable()


@pytest.mark.parametrize(
    ("format", "only", "lost"),
    [
        ("coco", None, {"semantic", "class", "labels"}),
        ("voc", None, {"masks", "keypoints", "semantic", "class", "labels"}),
        ("yolo", None, {"keypoints", "semantic", "class", "labels"}),
        ("yolo", {"boxes"}, set()),
        ("mask-folder", {"semantic"}, set()),
        ("voc-segmentation", {"masks"}, set()),
        ("csv", {"labels"}, set()),
        ("csv", {"class"}, set()),
        ("image-folder", {"class", "boxes"}, {"boxes"}),
    ],
)
def test_both_splits_are_written_and_losses_are_reported(
    shapes: dict[str, Dataset], tmp_path: Path, format: str, only: set[str] | None, lost: set[str]
) -> None:
    done: list[tuple[int, int]] = []
    out = tmp_path / "out"
    found = convert(
        shapes, format, out, only=None if only is None else frozenset(only), progress=lambda *at: done.append(at)
    )
    assert done == [(n, 7) for n in range(1, 8)]
    assert found.kept["images"] == 7
    assert {what.partition(":")[0] for what in found.lost} == lost
    for split, dataset in shapes.items():
        again = open_dataset(found.sections[split], root=str(out), where=split)
        assert len(again) == len(dataset)
        assert again.load(0, again.provides).image.shape == (48, 48, 3)


def test_images_of_one_name_in_both_splits_stay_apart(shapes: dict[str, Dataset], tmp_path: Path) -> None:
    sections = convert(shapes, "voc", tmp_path / "out").sections
    for split, dataset in shapes.items():
        again = open_dataset(sections[split], root=str(tmp_path / "out"), where=split)
        assert [again.path(i).read_bytes() for i in range(len(again))] == [
            dataset.path(i).read_bytes() for i in range(len(dataset))
        ]
        assert again.ids[0] == f"{split}_000000"


def test_images_are_links_or_copies(tmp_path: Path) -> None:
    dataset = coco(tmp_path / "in", [{}])
    convert({"train": dataset}, "coco", tmp_path / "linked")
    convert({"train": dataset}, "coco", tmp_path / "copied", link=False)
    assert (tmp_path / "linked/train/a.png").samefile(dataset.path(0))
    assert not (tmp_path / "copied/train/a.png").samefile(dataset.path(0))
    assert (tmp_path / "copied/train/a.png").read_bytes() == dataset.path(0).read_bytes()


def test_without_links_images_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.EXDEV, "another file system")

    monkeypatch.setattr(os, "link", refuse)
    dataset = coco(tmp_path / "in", [{}])
    convert({"train": dataset}, "coco", tmp_path / "out")
    assert (tmp_path / "out/train/a.png").read_bytes() == dataset.path(0).read_bytes()


def test_an_image_that_its_annotations_do_not_see_upright_is_written_as_they_see_it(tmp_path: Path) -> None:
    """YOLO's boxes are fractions of the image as it is read: with the EXIF rotation they would be elsewhere."""
    pixels = np.zeros((8, 10, 3), np.uint8)
    pixels[:, :5] = 255
    dataset = coco(tmp_path / "in", [{}])
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(dataset.path(0), exif=exif)
    section = convert({"train": dataset}, "yolo", tmp_path / "out").sections["train"]
    again = open_dataset(section, root=str(tmp_path / "out"), where="train")
    assert again.sizes.tolist() == [[8, 10]]
    np.testing.assert_array_equal(again.load(0, frozenset()).image, pixels)


def test_crowds_and_bad_boxes_are_counted(tmp_path: Path) -> None:
    annotations = [
        {"iscrowd": 1, "bbox": [0, 0, 4, 4]},
        {"bbox": [2, 2, 0, 3]},
        {"bbox": [20, 2, 4, 3]},
        {"bbox": [6, 2, 9, 3]},
        {"bbox": [5, 5, 0.4, 2]},
    ]
    dataset = coco(tmp_path / "in", annotations, max_bad_boxes=1)
    voc = convert({"train": dataset}, "voc", tmp_path / "voc")
    assert voc.kept == {"images": 1, "boxes": 3}
    assert voc.lost == {"boxes without area": 1, "boxes outside their image": 1}
    assert voc.changed == {
        "crowd regions, marked difficult": 1,
        "boxes clipped to their image": 1,
        "boxes of about one pixel, enlarged to two": 1,
    }
    yolo = convert({"train": dataset}, "yolo", tmp_path / "yolo")
    assert yolo.kept["boxes"] == 2
    assert yolo.lost["crowd regions: YOLO does not support them"] == 1
    again = convert({"train": dataset}, "coco", tmp_path / "coco").sections["train"]
    assert again["max_bad_boxes"] == 0.4  # the section opens the data


def test_objects_without_a_mask_are_ignored(tmp_path: Path) -> None:
    annotations = [{"segmentation": SQUARE, "category_id": 2}, {"bbox": [6, 2, 2, 3]}]
    found = convert({"train": coco(tmp_path / "in", annotations)}, "mask-folder", tmp_path / "out")
    values = open_dataset(found.sections["train"], root=str(tmp_path / "out"), where="train")
    semantic = values.load(0, frozenset({"semantic"})).maps["semantic"]
    expected = np.zeros((8, 10), np.uint8)
    expected[1:5, 1:5] = 2
    expected[2:5, 6:8] = 255
    np.testing.assert_array_equal(semantic, expected)
    assert values.label_spaces["semantic"].names == ("background", "cat", "dog")
    assert found.changed["objects without a mask, whose boxes are ignored"] == 1


def test_a_pixel_of_two_objects_belongs_to_the_smaller(tmp_path: Path) -> None:
    whole = [[0, 0, 10, 0, 10, 8, 0, 8]]
    annotations = [{"segmentation": SQUARE, "category_id": 2}, {"segmentation": whole}]
    found = convert({"train": coco(tmp_path / "in", annotations)}, "voc-segmentation", tmp_path / "out")
    semantic = open_dataset(found.sections["train"], root=str(tmp_path / "out"), where="train")
    values = semantic.load(0, frozenset({"semantic"})).maps["semantic"]
    assert np.bincount(values.ravel()).tolist() == [0, 64, 16]
    assert found.changed["pixels of several objects, assigned to the smallest"] == 16


def test_crowds_are_behind_objects_as_in_training(tmp_path: Path) -> None:
    whole = [[0, 0, 10, 0, 10, 8, 0, 8]]
    small = {"size": [8, 10], "counts": [9, 2, 69]}  # a crowd region inside the object of the other class
    annotations = [
        {"segmentation": SQUARE, "category_id": 2},
        {"segmentation": small, "category_id": 1, "iscrowd": 1, "bbox": [1, 1, 1, 2]},
        {"segmentation": whole, "category_id": 1},
    ]
    dataset = coco(tmp_path / "in", annotations, semantic_from_masks=True)
    found = convert({"train": dataset}, "mask-folder", tmp_path / "out", only=frozenset({"masks"}))
    written = open_dataset(found.sections["train"], root=str(tmp_path / "out"), where="train")
    needs = frozenset({"semantic"})
    np.testing.assert_array_equal(written.load(0, needs).maps["semantic"], dataset.load(0, needs).maps["semantic"])
    assert written.load(0, needs).maps["semantic"][2, 1] == 2


def test_yolo_needs_polygons_for_all_objects_or_none(tmp_path: Path) -> None:
    found = convert({"train": coco(tmp_path / "in", [{"segmentation": SQUARE}, {}])}, "yolo", tmp_path / "out")
    assert found.kept == {"images": 1, "boxes": 2}
    assert found.lost == {"masks: 1 objects have none, but YOLO needs polygons for all objects or none": 1}


def test_splits_of_other_classes_share_one_list(tmp_path: Path) -> None:
    train = coco(tmp_path / "a", [{"category_id": 2}], names=("cat", "dog"))
    val = coco(tmp_path / "b", [{"category_id": 1}], names=("dog", "emu"))
    found = convert({"train": train, "val": val}, "yolo", tmp_path / "out")
    assert yaml.safe_load((tmp_path / "out/data.yaml").read_text())["names"] == {0: "cat", 1: "dog", 2: "emu"}
    for split in ("train", "val"):
        again = open_dataset(found.sections[split], root=str(tmp_path / "out"), where=split)
        assert again.instances is not None
        assert again.instances.labels.tolist() == [1]


def boxes(root: Path) -> Dataset:
    return coco(root, [{}])


def classes(root: Path, name: str = "cat") -> Dataset:
    (root / name).mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(root / name / "a.png")
    return ImageFolder(ImageFolderOptions(root=str(root)))


def table(root: Path, header: str = "file,a,b", row: str = "a.png,1,1") -> Dataset:
    root.mkdir()
    Image.new("RGB", (4, 4)).save(root / "a.png")
    (root / "t.csv").write_text(f"{header}\n{row}\n")
    return CsvLabels(CsvOptions(root=str(root), file="t.csv"))


def masks(root: Path, *names: str) -> Dataset:
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
        Image.new("L", (4, 4)).save(root / folder / "a.png")
    return MaskFolder(MaskFolderOptions(root=str(root), names=names))


@pytest.mark.parametrize(
    ("make", "format", "expected"),
    [
        (boxes, "mask-folder", "has boxes, .* a box does not tell which pixels"),
        (boxes, "image-folder", "has boxes, .* classes of images"),
        (classes, "voc", "has class, .* VOC's XML holds boxes"),
        (classes, "yolo", "has class, .* boxes or polygons"),
        (classes, "mask-folder", "has class, .* a class for every pixel"),
        (lambda root: masks(root, "wall"), "coco", "has semantic, .* objects with boxes"),
        (
            lambda root: masks(root, "wall", "a\nb"),
            "mask-folder",
            r"the class name 'a\\nb': names.txt",
        ),
        (lambda root: coco(root, [{}], names=(" cat",)), "voc", "does not support the class name ' cat'"),
        (lambda root: coco(root, [{}], names=("c\x01t",)), "voc", "does not support the class name"),
        (lambda root: table(root, row="a.png,1,1"), "image-folder", "has several classes"),
        (
            lambda root: table(root, header="file,a/b,b", row="a.png,1,0"),
            "image-folder",
            "class name 'a/b': it must be",
        ),
        (lambda root: classes(root, "file name"), "image-folder", None),
        (lambda root: coco(root, [{"segmentation": SQUARE}], names=("background",)), "mask-folder", "'background'"),
        (
            lambda root: coco(root, [{"segmentation": SQUARE}], names=tuple(map(str, range(255)))),
            "mask-folder",
            "256 classes cannot be written",
        ),
        (boxes, "shapes", "the format shapes has no writer(?s:.*)choose coco, "),
    ],
)
def test_what_a_format_does_not_support_is_rejected_with_the_reason(
    tmp_path: Path, make: Any, format: str, expected: str | None
) -> None:
    dataset = make(tmp_path / "in")
    if expected is None:
        assert convert({"train": dataset}, format, tmp_path / "out").kept["images"] == 1
        return
    with pytest.raises(DataError, match=expected):
        convert({"train": dataset}, format, tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["in"]  # nothing half-written


def test_missing_formats_folders_and_kinds_are_reported(tmp_path: Path) -> None:
    splits = {"train": boxes(tmp_path / "in")}
    with pytest.raises(UnknownNameError, match="Did you mean yolo"):
        convert(splits, "yol", tmp_path / "out")
    with pytest.raises(DataError, match=r"in exists and is not an empty folder"):
        convert(splits, "voc", tmp_path / "in")
    with pytest.raises(DataError, match=r"has no maks(?s:.*)boxes"):
        convert(splits, "voc", tmp_path / "out", only=frozenset({"maks"}))
    with pytest.raises(DataError, match="invalid split name"):
        convert({"../up": splits["train"]}, "voc", tmp_path / "out")
    (tmp_path / "out").mkdir()
    convert(splits, "voc", tmp_path / "out")  # an empty folder will do


def test_an_image_that_vanished_leaves_nothing_behind(tmp_path: Path) -> None:
    dataset = boxes(tmp_path / "in")
    dataset.path(0).unlink()
    with pytest.raises(ImageError, match=r"a\.png does not exist"):
        convert({"train": dataset}, "voc", tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["in"]


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    dataset = boxes(tmp_path / "in")
    monkeypatch.setattr("hub.data.writers.output.shutil.copyfile", full)
    with pytest.raises(SaveError, match="no space left"):
        convert({"train": dataset}, "voc", tmp_path / "out", link=False)
    assert [p.name for p in tmp_path.iterdir()] == ["in"]


class Forgetful(Voc):
    """A format of a plugin's."""


def write_nothing(splits: Mapping[str, Dataset], output: Output) -> dict[str, dict[str, Any]]:
    from hub.data.writers.voc import write_voc

    sections = write_voc(splits, output)
    output.kept["boxes"] += 1
    return sections


def test_a_plugins_writer_is_found_and_its_faults_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    from types import ModuleType

    module = ModuleType("a_plugins_formats")
    module.Forgetful, module.write = Forgetful, write_nothing  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "a_plugins_formats", module)
    target = "a_plugins_formats:Forgetful"
    register(DatasetSpec(name="forgetful", summary="", target=target, writer="a_plugins_formats:write"))
    try:
        assert "forgetful" in writable()
        with pytest.raises(ContractError, match="2 boxes were written as forgetful, but 1 are read back"):
            convert({"train": boxes(tmp_path / "in")}, "forgetful", tmp_path / "out")
        assert [p.name for p in tmp_path.iterdir()] == ["in"]
    finally:
        unregister("forgetful")
    with pytest.raises(ContractError, match="writer 'nonsense' is not 'module:attribute'"):
        DatasetSpec(name="mine", summary="", target=target, writer="nonsense")


def test_a_box_that_only_voc_would_forget_is_still_one_when_its_class_has_no_other(tmp_path: Path) -> None:
    """VOC has no list of classes; the printed section has one, so that no index changes."""
    found = convert({"train": coco(tmp_path / "in", [{"category_id": 2}])}, "voc", tmp_path / "out")
    again = Voc(
        VocOptions(root=str(tmp_path / "out"), **{k: v for k, v in found.sections["train"].items() if k != "format"})
    )
    assert again.label_spaces["instances"].names == ("cat", "dog")
    assert again.instances.labels.tolist() == [1]
