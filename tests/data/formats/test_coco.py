from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from hub.contract.options import parse_options
from hub.contract.targets import map_names, tag_names
from hub.data.formats.coco import Coco
from hub.errors import (
    AnnotationError,
    BadBoxesError,
    HubError,
    ImageError,
    OptionError,
    UnknownCategoryError,
)

BOXES = frozenset({"boxes"})
MASKS = frozenset({"boxes", "masks"})
OPTIONS = {"root": ".", "images": "images", "annotations": "a.json"}

# Unsorted and sparse ids, annotations of several images mixed, an image without any.
CONTENT = {
    "images": [
        {"id": 30, "file_name": "a.png", "width": 40, "height": 30},
        {"id": 10, "file_name": "b.png", "width": 20, "height": 25, "license": 4},
        {"id": 20, "file_name": "c.png", "width": 40, "height": 30},
    ],
    "annotations": [
        {"id": 9, "image_id": 10, "category_id": 7, "bbox": [1, 2, 3, 4.5], "area": 6.5, "iscrowd": 0},
        {"id": 4, "image_id": 30, "category_id": 90, "bbox": [5, 5, 10, 10], "area": 90, "iscrowd": 1},
        {"id": 6, "image_id": 10, "category_id": 90, "bbox": [0, 0, 20, 25]},
    ],
    "categories": [{"id": 90, "name": "dog"}, {"id": 7, "name": "cat"}],
}


@pytest.fixture
def content():
    return copy.deepcopy(CONTENT)


@pytest.fixture
def coco(tmp_path):
    """Writes what it is given as the annotation file, makes the images, and opens the dataset."""

    def open_(content, *, raw=None, **options):
        (tmp_path / "images").mkdir(exist_ok=True)
        for image in CONTENT["images"]:
            Image.new("RGB", (image["width"], image["height"])).save(tmp_path / "images" / image["file_name"])
        (tmp_path / "a.json").write_bytes(json.dumps(content).encode() if raw is None else raw)
        return Coco(Coco.Options(root=str(tmp_path), images="images", annotations="a.json", **options))

    return open_


def _open(root, split):
    return Coco(
        Coco.Options(root=str(root), images=f"{split}2017", annotations=f"annotations/instances_{split}2017.json")
    )


@pytest.mark.parametrize("split", ["train", "val"])
def test_coco_is_read_as_pycocotools_reads_it(shared_data, split):
    root = shared_data("coco128")
    dataset = _open(root, split)
    oracle = COCO(root / "annotations" / f"instances_{split}2017.json")
    assert dataset.provides == {"boxes", "masks"}
    assert dataset.ids == oracle.getImgIds()
    labels = dataset.label_spaces["instances"]
    assert list(labels.ids) == sorted(oracle.getCatIds())
    assert list(labels.names) == [c["name"] for c in oracle.loadCats(sorted(oracle.getCatIds()))]
    packed = dataset.instances
    assert len(packed) == len(oracle.anns)
    for index, id_ in enumerate(dataset.ids):
        rows = packed.of_image(index)
        expected = oracle.loadAnns(oracle.getAnnIds(imgIds=[id_]))
        info = oracle.imgs[id_]
        assert dataset.sizes[index].tolist() == [info["height"], info["width"]]
        assert packed.ids[rows].tolist() == [a["id"] for a in expected]
        assert packed.area[rows].tolist() == [a["area"] for a in expected]
        assert packed.crowd[rows].tolist() == [bool(a["iscrowd"]) for a in expected]
        assert [labels.ids[label] for label in packed.labels[rows]] == [a["category_id"] for a in expected]
        xywh = packed.boxes[rows] - np.tile(packed.boxes[rows, :2], 2) * [0, 0, 1, 1]
        np.testing.assert_allclose(xywh, np.reshape([a["bbox"] for a in expected], (-1, 4)), rtol=0, atol=1e-9)


@pytest.mark.parametrize(("split", "every"), [("val", True), ("train", False)])
def test_masks_equal_those_of_pycocotools(shared_data, split, every):
    root = shared_data("coco128")
    dataset = _open(root, split)
    oracle = COCO(root / "annotations" / f"instances_{split}2017.json")
    crowds = 0
    for index, id_ in enumerate(dataset.ids):
        annotations = oracle.loadAnns(oracle.getAnnIds(imgIds=[id_]))
        if not every and not any(a["iscrowd"] for a in annotations):
            continue  # of the training images those with crowds are enough
        objects = dataset.load(index, MASKS).instances
        assert len(objects) == len(annotations)
        for mask, crowd, annotation in zip(objects.masks.planes(), objects.crowd, annotations, strict=True):
            np.testing.assert_array_equal(mask, oracle.annToMask(annotation))
            assert crowd == annotation["iscrowd"]
            crowds += int(crowd)
    assert crowds == {"val": 1, "train": 9}[split]


def test_real_images_without_objects_are_kept(shared_data):
    root = shared_data("coco128")
    datasets = [_open(root, split) for split in ("train", "val")]
    empty = [(d, i) for d in datasets for i in np.flatnonzero(np.diff(d.instances.offsets) == 0).tolist()]
    assert len(empty) == 2
    for dataset, index in empty:
        objects = dataset.load(index, MASKS).instances
        assert objects.boxes.shape == (0, 4)
        assert objects.masks.planes().shape == (0, *dataset.sizes[index])


def test_order_and_ids(coco, content):
    dataset = coco(content)
    assert dataset.ids == [30, 10, 20]  # the file's order
    assert dataset.sizes.tolist() == [[30, 40], [25, 20], [30, 40]]
    labels = dataset.label_spaces["instances"]
    assert (labels.names, labels.ids) == (("cat", "dog"), (7, 90))
    packed = dataset.instances
    assert packed.ids.tolist() == [4, 9, 6]
    assert packed.offsets.tolist() == [0, 1, 3, 3]
    assert packed.boxes.tolist() == [[5, 5, 15, 15], [1, 2, 4, 6.5], [0, 0, 20, 25]]
    assert packed.labels.tolist() == [1, 0, 1]
    assert packed.crowd.tolist() == [True, False, False]
    assert packed.area.tolist() == [90, 6.5, 500]  # the last is not in the file
    assert dataset.provides == {"boxes"}
    assert len(dataset.load(2, BOXES).instances) == 0


def test_images_without_annotations_alone(coco, content):
    content["annotations"] = []
    dataset = coco(content)
    assert len(dataset) == 3
    assert dataset.load(0, BOXES).instances.boxes.shape == (0, 4)


def test_skip_empty(coco, content):
    assert coco(content, skip_empty=True).ids == [10]  # image 30 has a crowd only


def test_string_ids_of_images(coco, content):
    for entry in content["images"]:
        entry["id"] = f"i{entry['id']}"
    for entry in content["annotations"]:
        entry["image_id"] = f"i{entry['image_id']}"
    assert coco(content).ids == ["i30", "i10", "i20"]


@pytest.mark.parametrize("indent", [None, 2])
def test_segmentations_of_every_kind_find_their_objects(coco, content, indent):
    square = [[6, 6, 10, 6, 10, 10, 6, 10]]
    rle = {"size": [25, 20], "counts": [0, 50, 450]}  # the first two columns
    content["annotations"][0]["segmentation"] = rle
    content["annotations"][1]["segmentation"] = square
    content["annotations"][2] |= {"segmentation": {"size": [25, 20], "counts": "0b1R>"}}
    # Text that looks like a segmentation, and one where none belongs.
    content["images"][0]["caption"] = '"segmentation": [[1, 2]] \\"segmentation": {}'
    content["images"][1]["segmentation"] = [[0, 0, 9, 9, 9, 0]]
    dataset = coco(content, raw=json.dumps(content, indent=indent).encode())
    (crowd,) = dataset.load(0, MASKS).instances.masks.planes()
    assert crowd[6:10, 6:10].all()
    assert crowd.sum() == 16
    first, second = dataset.load(1, MASKS).instances.masks.planes()
    assert first[:, :2].all()
    assert first.sum() == second.sum() == 50
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("nothing", [None, [], [[]]])
def test_empty_segmentations_are_none(coco, content, nothing):
    for entry in content["annotations"]:
        entry["segmentation"] = nothing
    dataset = coco(content)
    assert dataset.provides == {"boxes"}
    assert dataset.instances.segments is None


def test_keypoints(coco, content):
    content["categories"][0]["keypoints"] = ["nose", "tail"]
    content["annotations"][2]["keypoints"] = [1, 2, 2, 3.5, 4, 1]
    dataset = coco(content)
    assert dataset.provides == {"boxes", "keypoints"}
    assert dataset.instances.keypoint_names == ("nose", "tail")
    points = dataset.load(1, frozenset({"keypoints"})).instances.keypoints
    assert points.dtype == np.float32
    assert points.tolist() == [[[0, 0, 0]] * 2, [[1, 2, 2], [3.5, 4, 1]]]


def test_keypoints_of_two_kinds_are_not_given(coco, content, caplog):
    content["categories"][0]["keypoints"] = ["nose", "tail"]
    content["categories"][1]["keypoints"] = ["paw"]
    content["annotations"][2]["keypoints"] = [1, 2, 2, 3, 4, 1]
    assert coco(content).provides == {"boxes"}
    assert "2 different lists" in caplog.text


def _edit(path, value=None):
    """Return a change of the content: set the value at ``path``, or remove it."""

    def change(content):
        *way, last = path
        for key in way:
            content = content[key]
        if value is None:
            del content[last]
        else:
            content[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (_edit(["images"]), AnnotationError, r"a.json .*images: is missing"),
        (_edit(["annotations"]), AnnotationError, r"annotations: is missing"),
        (_edit(["categories"]), AnnotationError, r"categories: is missing"),
        (_edit(["categories"], []), AnnotationError, r"categories: .*at least 1"),
        (_edit(["images"], []), AnnotationError, r"annotation 9 has image id 10"),
        (_edit(["images", 1, "file_name"]), AnnotationError, r"images\[1\].file_name: is missing"),
        (_edit(["images", 1, "width"], 0), AnnotationError, r"images\[1\].width: .*greater than 0"),
        (_edit(["images", 1, "height"], "tall"), AnnotationError, r"images\[1\].height: .*integer"),
        (_edit(["annotations", 2, "bbox"]), AnnotationError, r"annotations\[2\].bbox: is missing"),
        (_edit(["annotations", 2, "bbox"], [1, 2, 3]), AnnotationError, r"annotations\[2\].bbox\[3\]: is missing"),
        (_edit(["annotations", 2, "bbox", 0], "x"), AnnotationError, r"annotations\[2\].bbox\[0\]: .*number"),
        (_edit(["annotations", 2], 5), AnnotationError, r"annotations\[2\]: "),
        (_edit(["annotations"], {}), AnnotationError, r"annotations: .*(list|array)"),
        (_edit(["annotations", 1, "segmentation"], "0"), AnnotationError, r"\[1\].segmentation: .*polygons or an RLE"),
        (_edit(["annotations", 1, "segmentation"], [[None]]), AnnotationError, r"segmentation: .*polygons or an RLE"),
        (_edit(["annotations", 1, "category_id"], 8), UnknownCategoryError, r"image 30 .*category id 8,"),
        (_edit(["annotations", 1, "image_id"], 8), AnnotationError, r"annotation 4 has image id 8,"),
        (_edit(["annotations", 1, "id"], 9), AnnotationError, r"1 annotation ids .*first: 9"),
        (_edit(["images", 1, "id"], 30), AnnotationError, r"1 image ids .*first: 30"),
        (_edit(["categories", 1, "id"], 90), AnnotationError, r"1 category ids .*first: 90"),
        (_edit(["categories", 1, "name"], "dog"), AnnotationError, r"1 category names .*first: 'dog'"),
        (_edit(["images", 1, "file_name"], "gone.png"), ImageError, r"1 of the 3 image files .*gone.png"),
        (_edit(["annotations", 1, "bbox"], [5, 5, 0, 5]), BadBoxesError, r"1 of 3 boxes.*annotation 4 of image 30"),
        (_edit(["annotations", 1, "bbox", 0], float("nan")), BadBoxesError, r"1 not finite"),
    ],
)  # fmt: skip
def test_each_problem_is_named(coco, content, change, error, message):
    change(content)
    with pytest.raises(HubError, match=message) as caught:
        coco(content)
    assert type(caught.value) is error
    assert "a.json" in str(caught.value)
    assert caught.value.fix


def test_keypoints_of_the_wrong_length(coco, content):
    content["categories"][0]["keypoints"] = ["nose", "tail"]
    content["annotations"][2]["keypoints"] = [1, 2, 2]
    with pytest.raises(AnnotationError, match="annotation 6 has 3 numbers as keypoints, not 6"):
        coco(content)


def test_a_file_without_images_or_annotations(coco, content):
    with pytest.raises(AnnotationError, match="lists no images"):
        coco(content | {"images": [], "annotations": []})


def test_a_list_is_not_coco(coco):
    with pytest.raises(AnnotationError, match=r"a.json is not a file of COCO instances: the file"):
        coco([1, 2])


@pytest.mark.parametrize("raw", [b"", b"<xml/>", b"\xff\xfe\x00", json.dumps(CONTENT).encode()[:-40]])
def test_invalid_json_is_reported(coco, raw):
    with pytest.raises(AnnotationError, match=r"a.json is not JSON"):
        coco(None, raw=raw)


def test_the_place_in_broken_json_is_that_in_the_file(coco, content):
    content["annotations"][0]["segmentation"] = [[1.0] * 50]
    raw = json.dumps(content)
    raw = raw[: raw.index('"categories"')] + "oops"
    with pytest.raises(AnnotationError, match=rf"line 1 column {len(raw) - 3}\b"):
        coco(None, raw=raw.encode())


def test_missing_file_and_folder_are_named(tmp_path, coco, content):
    with pytest.raises(AnnotationError, match=r"gone.json cannot be read: No such file"):
        Coco(Coco.Options(root=str(tmp_path), images="images", annotations="gone.json"))
    coco(content)
    with pytest.raises(ImageError, match=r"3 of the 3 image files"):
        Coco(Coco.Options(root=str(tmp_path), images="elsewhere", annotations="a.json"))


def test_bad_boxes_limit_is_an_option(coco, content):
    content["annotations"][1]["bbox"] = [5, 5, 0, 5]
    assert coco(content, max_bad_boxes=0.5).box_report.zero_area == 1
    with pytest.raises(OptionError, match="max_bad_boxes"):
        parse_options(Coco.Options, {"root": "", "images": "", "annotations": "", "max_bad_boxes": 5}, owner="coco")


@pytest.mark.parametrize(
    ("polygons", "area"), [([[1, 1, 5, 5]], 0), ([[1, 1, 5, 1, 5, 5], [2, 2, 3, 3, 4]], 8), ([1, 1, 5, 1, 5, 5], 8)]
)
def test_polygons_that_cannot_be_used_are_left_out_and_a_flat_one_is_read(
    coco, content, polygons: list[Any], area: int, caplog: pytest.LogCaptureFixture
) -> None:
    content["annotations"][0]["segmentation"] = polygons
    data = coco(content)
    assert ("left out polygons" in caplog.text) == isinstance(polygons[0], list)
    assert "boxes" in data.provides
    needs = frozenset({"masks"}) & data.provides
    found = data.load(1, needs | {"boxes"}).instances
    mask = found.masks.planes()[0] if found.masks is not None else np.zeros(1)
    assert abs(int(mask.sum()) - area) <= 4  # pycocotools draws the edge of a polygon
    assert bool(mask.any()) == bool(area)


def test_further_keys_are_fields_of_the_objects(coco, content) -> None:
    extras = [{"angle": 30, "attributes": {"state": "open"}, "note": "é"}, {"angle": 45.5, "track": 3}, {"track": 9}]
    for annotation, extra in zip(content["annotations"], extras, strict=True):
        annotation.update(extra)
    fields = {
        "angle": {"kind": "angle"},
        "track_id": {"kind": "id", "key": "track"},
        "state": {"kind": "category", "key": "attributes.state", "names": ["closed", "open"]},
        "note": {"kind": "text"},
    }
    dataset = coco(content, fields=fields)
    assert dataset.provides >= fields.keys()
    found = dataset.load(1, frozenset({"boxes", "angle", "track_id", "state", "note"})).instances.fields
    assert found["angle"].values[0] == 30  # annotations 9 and 6
    assert np.isnan(found["angle"].values[1])
    assert found["track_id"].values.tolist() == [-1, 9]
    assert found["state"].values.tolist() == [1, -1]
    assert found["note"].values.tolist() == ["é", ""]
    assert dataset.load(1, BOXES).instances.fields == {}
    assert map_names(dataset) == tag_names(dataset) == []


@pytest.mark.parametrize(
    ("value", "field", "error", "message"),
    [
        ("x", {"kind": "angle"}, AnnotationError, r"annotation 9 has extra = 'x', which is not angle.*fields.extra"),
        ("x", {"kind": "category", "names": ["y"]}, AnnotationError, "which is not one of y"),
        (1.5, {"kind": "id"}, AnnotationError, "which is not id"),
        (1, {"kind": "angle", "key": "none"}, AnnotationError, r"no annotation has the key 'none'.*bbox.*extra"),
        (1, {"kind": "category"}, OptionError, "'category' needs names"),
        (1, {"kind": "angel"}, OptionError, "fields.extra.kind"),
    ],
)
def test_wrong_values_and_declarations_of_fields_name_the_annotation(
    coco, content, value, field, error, message
) -> None:
    content["annotations"][0]["extra"] = value
    with pytest.raises(error, match=f"(?s){message}"):
        coco(content, fields=parse_options(Coco.Options, {**OPTIONS, "fields": {"extra": field}}, owner="coco").fields)


@pytest.mark.parametrize("counts", [[0, 10, 100000], [0, 3], [-5, 10], "oa", "0"])
def test_an_rle_that_does_not_fill_its_image_is_rejected_when_opened(coco, content, counts: Any) -> None:
    image = content["images"][1]
    size = [image["height"], image["width"]]
    content["annotations"][0]["segmentation"] = {"size": size, "counts": counts}
    with pytest.raises(AnnotationError, match=r"has runs that sum to -?\d+ pixels"):
        coco(content)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_no_part_of_the_text(coco, content, encoding: str) -> None:
    assert coco(None, raw=json.dumps(content).encode(encoding)).ids == coco(content).ids


def test_a_missing_size_is_read_from_the_image(coco, content) -> None:
    expected = coco(content).sizes.tolist()
    for image in content["images"]:
        del image["height"]
        image["width"] = None
    assert coco(content).sizes.tolist() == expected


def test_a_negative_area_is_that_of_a_clockwise_polygon(coco, content, caplog: pytest.LogCaptureFixture) -> None:
    content["annotations"][0]["area"] = -12.5
    instances = coco(content).instances
    assert instances.area[instances.ids == 9].tolist() == [12.5]
    assert "1 annotations have a negative area" in caplog.text


@pytest.mark.parametrize("given", [["a", "b", "c"], [None, None, None], [1 << 70, 2, 3]])
def test_annotation_ids_of_any_kind(coco, content, given: list[Any]) -> None:
    for annotation, number in zip(content["annotations"], given, strict=False):
        annotation["id"] = number
    count = len(content["annotations"])
    assert sorted(coco(content).instances.ids.tolist()) == list(range(1, count + 1))


def test_the_root_category_of_roboflow_is_left_out(coco, content, caplog: pytest.LogCaptureFixture) -> None:
    expected = coco(content).label_spaces["instances"]
    name = content["categories"][0]["name"]
    for root in (name, "things"):
        content["categories"] = [c for c in content["categories"] if c["id"] != 0]
        content["categories"].insert(0, {"id": 0, "name": root, "supercategory": "none"})
        assert coco(content).label_spaces["instances"] == expected


def test_two_images_of_one_file_are_named(coco, content, caplog: pytest.LogCaptureFixture) -> None:
    first, second = content["images"][:2]
    second |= {key: first[key] for key in ("file_name", "height", "width")}
    coco(content)
    assert f"the first are {first['id']!r} and {second['id']!r}, both {first['file_name']}" in caplog.text


def test_a_backslash_separates_folders(coco, content) -> None:
    data = coco(content)
    folder, files = data.folder, [image["file_name"] for image in content["images"]]
    (folder / "sub").mkdir()
    (folder / files[0]).rename(folder / "sub" / files[0])
    content["images"][0]["file_name"] = f"sub\\{files[0]}"
    assert coco(content).path(0) == folder / "sub" / files[0]


def test_a_file_outside_the_root_is_rejected_unless_allowed(coco, content, tmp_path: Path) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}-outside.png"
    first = coco(content).path(0)
    first.rename(outside)
    for name in (str(outside), f"../{outside.name}", f"../../{tmp_path.parent.name}/{outside.name}"):
        content["images"][0]["file_name"] = name
        with pytest.raises((AnnotationError, ImageError), match="outside|are missing"):
            coco(content)
    content["images"][0]["file_name"] = str(outside)
    assert coco(content, allow_outside=True).load(0, frozenset()).image.size
