from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import VOCDetection

from hub.data.formats.voc import Voc
from hub.errors import AnnotationError, ImageError, UnknownCategoryError

BOXES = frozenset({"boxes"})


def _object(name="cat", box=(1, 1, 10, 8), difficult=None):
    sides = "".join(f"<{k}>{v}</{k}>" for k, v in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True))
    flag = "" if difficult is None else f"<difficult>{difficult}</difficult>"
    # A part has a box of its own, which is not the object's.
    part = "<part><name>head</name><bndbox><xmin>2</xmin></bndbox></part>"
    return f"<object><name>{name}</name>{flag}{part}<bndbox>{sides}</bndbox></object>"


def _page(*objects, size="<size><width>30</width><height>20</height></size>", filename=""):
    return f"<annotation><filename>{filename}</filename>{size}{''.join(objects)}</annotation>"


@pytest.fixture
def voc(tmp_path):
    """Writes pages by name, images of 30 × 20 pixels beside them and a list of all, and opens the dataset."""

    def open_(pages, *, suffix=".jpg", names=None, split="train", **options):
        for folder in ("Annotations", "JPEGImages", "ImageSets/Main"):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        for name, page in pages.items():
            (tmp_path / "Annotations" / f"{name}.xml").write_text(page)
            if suffix:
                Image.new("RGB", (30, 20)).save(tmp_path / "JPEGImages" / f"{name}{suffix}")
        names = list(pages) if names is None else names
        (tmp_path / "ImageSets" / "Main" / "train.txt").write_text("\n".join(names) + "\n\n")
        return Voc(Voc.Options(root=str(tmp_path), split=split, **options))

    return open_


def test_bccd_is_read_as_torchvision_reads_its_xml(shared_data):
    root = shared_data("bccd")
    splits = {split: Voc(Voc.Options(root=str(root), split=split)) for split in ("train", "val", "test")}
    assert sum(map(len, splits.values())) == 364
    assert [d.box_report.zero_area for d in splits.values()] == [1, 1, 0]  # as published, below the limit
    for dataset in splits.values():
        assert dataset.label_spaces["instances"].names == ("Platelets", "RBC", "WBC")
        assert dataset.provides == {"boxes"}
    dataset = splits["val"]
    names = dataset.label_spaces["instances"].names
    for index, id_ in enumerate(dataset.ids):
        page = ElementTree.parse(root / "Annotations" / f"{id_}.xml").getroot()
        expected = VOCDetection.parse_voc_xml(page)["annotation"]
        assert dataset.sizes[index].tolist() == [int(expected["size"][k]) for k in ("height", "width")]
        rows = dataset.instances.of_image(index)
        objects = [o for o, usable in zip(expected["object"], dataset.instances.usable[rows], strict=True) if usable]
        given = dataset.instances.boxes[rows][dataset.instances.usable[rows]] + [1, 1, 0, 0]
        assert given.tolist() == [[float(o["bndbox"][k]) for k in ("xmin", "ymin", "xmax", "ymax")] for o in objects]
        labels = dataset.instances.labels[rows][dataset.instances.usable[rows]]
        assert [names[label] for label in labels] == [o["name"] for o in objects]
    sample = dataset.load(0, BOXES)
    assert sample.image.shape == (480, 640, 3)
    assert sample.path.name == f"{sample.id}.jpg"


def test_pixels_count_from_one_and_the_last_is_in(voc):
    dataset = voc({"a": _page(_object(box=(1, 1, 30, 20)), _object(box=("3.4", "5", "7.5", "9")))})
    objects = dataset.load(0, BOXES).instances
    assert objects.boxes[0].tolist() == [0, 0, 30, 20]  # the whole image
    np.testing.assert_allclose(objects.boxes[1], [2.4, 4, 7.5, 9], rtol=1e-6)
    assert dataset.instances.area[0] == 600
    assert not dataset.box_report


def test_corners_on_one_pixel_are_no_area(voc):
    dataset = voc({"a": _page(_object(box=(5, 5, 5, 5)), _object())}, max_bad_boxes=0.5)
    assert dataset.box_report.zero_area == 1
    assert len(dataset.load(0, BOXES).instances) == 1


def test_all_splits_have_the_same_labels(voc):
    pages = {"a": _page(_object("zebra")), "b": _page(_object("cat")), "c": _page()}
    dataset = voc(pages, names=["c", "a"])
    assert dataset.ids == ["c", "a"]
    assert dataset.label_spaces["instances"].names == ("cat", "zebra")
    assert dataset.instances.labels.tolist() == [1]
    assert dataset.instances.offsets.tolist() == [0, 0, 1]


def test_labels_fix_the_order(voc):
    dataset = voc({"a": _page(_object("cat"), _object("dog"))}, labels=("dog", "cat", "cow"))
    assert dataset.label_spaces["instances"].names == ("dog", "cat", "cow")
    assert dataset.instances.labels.tolist() == [1, 0]


def test_a_name_that_is_no_label(voc):
    with pytest.raises(UnknownCategoryError, match=r"a.xml: 'Cat' is not among the labels. Did you mean cat"):
        voc({"a": _page(_object("Cat"))}, labels=("cat",))


@pytest.mark.parametrize(("option", "crowd"), [("ignore", [False, True, False]), ("keep", [False] * 3)])
def test_difficult_objects(voc, option, crowd):
    page = _page(_object(difficult=0), _object(difficult=1), _object())
    assert voc({"a": page}, difficult=option).load(0, BOXES).instances.crowd.tolist() == crowd


def test_ignoring_is_the_default(voc):
    assert voc({"a": _page(_object(difficult=1))}).instances.crowd.tolist() == [True]


@pytest.mark.parametrize(
    "size", ["", "<size><width>0</width><height>0</height></size>", "<size><width>30</width></size>"]
)
def test_a_missing_size_is_read_from_the_image(voc, size):
    assert voc({"a": _page(_object(), size=size)}).sizes.tolist() == [[20, 30]]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".JPG"])
def test_the_suffix_on_disk_counts(voc, suffix):
    dataset = voc({"a.1": _page(_object(), filename="other.jpeg")}, suffix=suffix)
    assert dataset.load(0, BOXES).path.name == f"a.1{suffix}"


def test_the_file_name_in_the_xml_is_the_second_choice(voc, tmp_path):
    (tmp_path / "JPEGImages").mkdir()
    Image.new("RGB", (30, 20)).save(tmp_path / "JPEGImages" / "other.png")
    assert voc({"a": _page(_object(), filename="other.png")}, suffix=None).load(0, BOXES).path.name == "other.png"


def test_a_missing_image(voc):
    with pytest.raises(ImageError, match=r"1 of the 1 image files of .*train.txt are missing.*a.jpg"):
        voc({"a": _page(_object())}, suffix=None)


@pytest.mark.parametrize(
    "page",
    [
        "<annotation><object>",
        "",
        "<svg></svg>",
        _page("<object><name>cat</name></object>"),
        _page("<object><bndbox></bndbox></object>"),
        _page(_object(box=(1, 1, "x", 4))),
        _page(size="<size><width>wide</width><height>20</height></size>"),
        '<?xml version="1.0" encoding="klingon"?><annotation/>',
    ],
)
def test_a_broken_page_is_named(voc, page):
    with pytest.raises(AnnotationError, match=r"a.xml is not a VOC annotation"):
        voc({"a": page, "b": _page(_object())})


def test_a_missing_page_is_named(voc):
    with pytest.raises(AnnotationError, match=r"gone.xml is not a VOC annotation.*No such file"):
        voc({"a": _page(_object())}, names=["a", "gone"])


def test_a_missing_split_is_named_with_those_that_exist(voc):
    with pytest.raises(AnnotationError, match=r"valid.txt, cannot be read(?s:.*)its lists are train"):
        voc({"a": _page(_object())}, split="valid")


def test_no_objects_anywhere_needs_labels(voc):
    with pytest.raises(AnnotationError, match="no XML file with an object"):
        voc({"a": _page()})
    assert len(voc({"a": _page()}, labels=("cat",))) == 1


def test_a_name_that_is_listed_twice_or_an_empty_list(voc):
    with pytest.raises(AnnotationError, match="train.txt: 1 image ids occur more than once; the first: 'a'"):
        voc({"a": _page(_object())}, names=["a", "a"])
    with pytest.raises(AnnotationError, match="train.txt lists no images"):
        voc({"a": _page(_object())}, names=[])
