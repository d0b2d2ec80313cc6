"""The generated dataset: valid annotations, the same bytes for the same seed, and never incomplete."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from hub.contract.options import parse_options
from hub.data.formats import shapes as shapes_module
from hub.data.formats.shapes import Shapes, generate_shapes
from hub.data.formats.shapes_draw import KINDS, MIN_VISIBLE, draw_scene
from hub.errors import DataError, SaveError

SMALL = {"train": 6, "val": 3, "size": 64, "seed": 5}
ALL = frozenset({"boxes", "masks", "keypoints", "semantic", "class", "labels"})


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("data") / "shapes"
    generate_shapes(out, **SMALL)
    return out


def make(root: Path, **options: Any) -> Shapes:
    return Shapes(parse_options(Shapes.Options, {"root": str(root), **SMALL, **options}, owner="shapes"))


def files(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def scenes(count: int = 60) -> Iterator[tuple[np.ndarray, list[Any]]]:
    for seed in range(count):
        yield draw_scene(np.random.default_rng(seed), 64)


def test_the_layout_is_coco_s(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for split, count in (("train", 6), ("val", 3)):
        coco = COCO(str(root / "annotations" / f"instances_{split}.json"))
        assert len(coco.imgs) == count
        assert [c["name"] for c in coco.cats.values()] == list(KINDS)
        for image in coco.imgs.values():
            assert Image.open(root / split / image["file_name"]).size == (image["width"], image["height"]) == (64, 64)
        for annotation in coco.anns.values():
            mask = coco.annToMask(annotation)
            rows, columns = np.nonzero(mask)
            x, y, width, height = annotation["bbox"]
            assert [x, y] == [columns.min(), rows.min()]
            assert [x + width, y + height] == [columns.max() + 1, rows.max() + 1]
            assert annotation["area"] == mask.sum()


def test_the_same_seed_gives_the_same_bytes(root: Path, tmp_path: Path) -> None:
    generate_shapes(tmp_path / "again", **SMALL)
    assert files(tmp_path / "again") == files(root)
    generate_shapes(tmp_path / "other", **{**SMALL, "seed": 6})
    other = files(tmp_path / "other")
    assert other["train/000000.jpg"] != files(root)["train/000000.jpg"]
    assert other["train/000000.jpg"] != other["val/000000.jpg"]  # the splits do not share images


def test_a_bigger_dataset_begins_with_the_images_of_the_smaller_one(root: Path, tmp_path: Path) -> None:
    generate_shapes(tmp_path / "more", **{**SMALL, "train": 8})
    assert files(tmp_path / "more")["train/000005.jpg"] == files(root)["train/000005.jpg"]


def test_visible_parts_do_not_overlap_and_differ_from_the_background() -> None:
    for image, shapes in scenes():
        masks = np.stack([shape.mask for shape in shapes])
        assert masks.sum(0).max() <= 1
        background = image[masks.sum(0) == 0].mean(0)
        for shape in shapes:
            assert np.linalg.norm(image[shape.mask > 0].mean(0) - background) > 60


def test_every_kind_and_number_of_shapes_occurs() -> None:
    drawn = [shapes for _, shapes in scenes(150)]
    assert {shape.kind for shapes in drawn for shape in shapes} == set(range(len(KINDS)))
    assert {len(shapes) for shapes in drawn} >= {1, 2, 3, 4, 5}
    assert max(len(shapes) for shapes in drawn) <= 6


def test_there_is_always_a_shape_and_never_more_than_asked_for() -> None:
    for seed in range(100):
        assert len(draw_scene(np.random.default_rng(seed), 64, objects=1)[1]) == 1
        assert 1 <= len(draw_scene(np.random.default_rng(seed), 64, objects=2)[1]) <= 2


def test_a_hidden_shape_is_not_annotated(monkeypatch: pytest.MonkeyPatch) -> None:
    from hub.data.formats import shapes_draw

    whole = np.zeros((128, 128), np.uint8)
    plans = []
    for side in (40, 34, 32):  # each later one is further away, inside the first one's square
        mask = whole.copy()
        mask[40 : 40 + side, 40 : 40 + side] = 1
        plans.append((0, mask))
    sticking_out = whole.copy()
    sticking_out[40:80, 64:92] = 1  # 12 of its 28 columns, 43 %, are free
    plans.append((1, sticking_out))
    for seed in range(20):
        coming = iter([*plans, *plans])
        monkeypatch.setattr(shapes_draw, "_plan", lambda rng, size, coming=coming: next(coming))
        _, shapes = draw_scene(np.random.default_rng(seed), 64)
        assert shapes[-1].mask.sum() == 1600
        assert [shape.kind for shape in shapes] in ([0], [1, 0])
        for shape in shapes[:-1]:
            assert shape.mask.sum() == 12 * 40 >= MIN_VISIBLE * sticking_out.sum()


def test_keypoints_are_the_ends_of_the_shape() -> None:
    hidden = outside = 0
    for _, shapes in scenes():
        for shape in shapes:
            rows, columns = np.nonzero(shape.mask)
            left, right, top, bottom, _centre = shape.keypoints
            if shape.keypoints[:4, 2].min() == 2:  # all four ends are seen: they are those of the visible part
                assert [left[0], right[0]] == [columns.min(), columns.max()]
                assert [top[1], bottom[1]] == [rows.min(), rows.max()]
            for x, y, visibility in shape.keypoints:
                assert visibility == 0 or shape.mask[y, x] == (visibility == 2)
            hidden += (shape.keypoints[:, 2] == 1).sum()
            outside += (shape.keypoints[:, 2] == 0).sum()
    assert hidden > 0
    assert outside > 0


def test_the_ends_of_a_round_shape_are_in_line_with_its_centre() -> None:
    checked = 0
    for seed in range(200):
        (shape,) = draw_scene(np.random.default_rng(seed), 64, objects=1)[1]
        if list(KINDS)[shape.kind] == "circle" and shape.keypoints[:, 2].min() == 2:
            left, right, top, bottom, centre = shape.keypoints[:, :2]
            assert np.abs([left[1] - centre[1], right[1] - centre[1]]).max() <= 2
            assert np.abs([top[0] - centre[0], bottom[0] - centre[0]]).max() <= 2
            checked += 1
    assert checked > 10


def test_load_gives_what_is_needed(root: Path) -> None:
    dataset = make(root)
    assert dataset.provides == ALL
    assert dataset.label_spaces["instances"].names == tuple(KINDS)
    assert dataset.label_spaces["semantic"].names == ("background", *KINDS)
    assert len(dataset) == 6
    assert len(make(root, split="val")) == 3
    for index in range(6):
        sample = dataset.load(index, ALL)
        assert sample.instances is not None
        assert sample.instances.masks is not None
        expected = np.zeros((64, 64), np.uint8)
        for label, mask in zip(sample.instances.labels, sample.instances.masks.planes(), strict=True):
            expected[mask > 0] = label + 1
        np.testing.assert_array_equal(sample.maps["semantic"], expected)
        tags = dataset.load(index, frozenset({"class", "labels"})).tags
        areas = sample.instances.masks.areas
        assert tags["class"] == sample.instances.labels[areas.argmax()]
        assert set(np.flatnonzero(tags["labels"])) == set(sample.instances.labels)
    assert dataset.load(0, frozenset({"semantic"})).instances is None
    assert not dataset.load(0, frozenset({"boxes"})).maps
    assert dataset.load(0, frozenset(), in_chans=1).image.shape == (64, 64, 1)


def test_a_dataset_is_generated_on_first_use_and_not_again(tmp_path: Path, monkeypatch: Any) -> None:
    first = make(tmp_path / "new", train=2, val=1)
    assert len(first) == 2
    monkeypatch.setattr(shapes_module, "draw_scene", None)  # would fail if called
    assert len(make(tmp_path / "new", split="val", train=2, val=1)) == 1


def test_other_parameters_are_rejected(root: Path) -> None:
    with pytest.raises(DataError, match="other parameters"):
        make(root, seed=4)


def test_a_folder_with_other_content_is_not_changed(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(DataError, match="does not contain generated shapes"):
        make(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_an_empty_folder_is_used(tmp_path: Path) -> None:
    generate_shapes(tmp_path, train=1, val=1, size=32)
    assert (tmp_path / "shapes.json").exists()


def test_an_interruption_leaves_no_files(tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        assert total == 9
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate_shapes(tmp_path / "shapes", **SMALL, progress=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_a_save_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SaveError, match="cannot write"):
        generate_shapes(tmp_path / "file" / "shapes", **SMALL)


def test_two_at_once_do_not_clash(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "shapes"
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(generate_shapes, out, **SMALL) for _ in range(2)]:
            done.result()
    assert files(out) == files(root)
    assert [p.name for p in tmp_path.iterdir()] == ["shapes"]


def test_the_parameters_are_on_record(root: Path) -> None:
    assert json.loads((root / "shapes.json").read_text()) == {"version": 2, "objects": 5, **SMALL}


def test_tags_name_the_largest_kind_and_all_kinds(tmp_path: Path) -> None:
    data = Shapes(Shapes.Options(root=str(tmp_path / "shapes"), train=4, val=1))
    for index in range(4):
        sample = data.load(index, frozenset({"class", "labels", "semantic"}))
        areas = np.bincount(sample.maps["semantic"].ravel(), minlength=6)[1:6]
        assert sample.tags["labels"].tolist() == (areas > 0).astype(float).tolist()
        assert areas[sample.tags["class"]] > 0
