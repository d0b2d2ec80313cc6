"""COCO's panoptic format: content, lazy reading, and errors for invalid files."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pycocotools import mask as coco_mask

from hub.contract import Detections, parse_options
from hub.errors import AnnotationError, DataError, HubError, ImageError, UnknownCategoryError
from hub.evaluation import CocoMetric
from hub_panoptic.coco_panoptic import CocoPanoptic
from hub_panoptic.truth import truth_of

Write = Callable[..., Path]
Change = Callable[[dict[str, Any]], None]


def opened(root: Path, **options: Any) -> CocoPanoptic:
    given = {"root": str(root), "images": "val", "annotations": "annotations/panoptic_val.json", **options}
    return CocoPanoptic(parse_options(CocoPanoptic.Options, given, owner="test"))


def test_things_are_objects_and_category_ids_are_kept(write_panoptic: Write, scene: Any) -> None:
    data = opened(write_panoptic([scene]))
    assert data.provides == {"boxes", "masks", "semantic"}
    spaces = {name: (space.names, space.ids) for name, space in data.label_spaces.items()}
    everything = (("cat", "grass", "dog", "sky"), (1, 7, 9, 200))
    assert spaces == {"instances": (("cat", "dog"), (1, 9)), "semantic": everything, "panoptic": everything}
    sample = data.load(0, data.provides)
    found = sample.instances
    assert found is not None
    assert found.masks is not None
    assert found.boxes.tolist() == [[1, 1, 3, 3], [4, 1, 5, 3]]
    assert found.labels.tolist() == [0, 1]
    assert found.crowd.tolist() == [False, True]
    ids, _ = scene
    assert np.array_equal(found.masks.planes(), np.stack([ids == 70000, ids == 300]))


def test_the_semantic_map_has_all_classes_or_stuff_and_things(write_panoptic: Write, scene: Any) -> None:
    root = write_panoptic([scene])
    all_ = [[3, 3, 3, 3, 3, 255], [3, 0, 0, 3, 2, 255], [1, 0, 0, 1, 2, 255], [1, 1, 1, 1, 1, 255]]
    assert opened(root).load(0, frozenset({"semantic"})).maps["semantic"].tolist() == all_
    data = opened(root, semantic="stuff")
    assert data.label_spaces["semantic"].names == ("things", "grass", "sky")
    assert data.label_spaces["semantic"].ids == (0, 7, 200)
    stuff = [[2, 2, 2, 2, 2, 255], [2, 0, 0, 2, 0, 255], [1, 0, 0, 1, 0, 255], [1, 1, 1, 1, 1, 255]]
    assert data.load(0, frozenset({"semantic"})).maps["semantic"].tolist() == stuff


def test_panoptic_segments_of_the_dataset_are_scored(write_panoptic: Write, scene: Any) -> None:
    ids, infos = scene
    truth = truth_of(opened(write_panoptic([scene]), semantic="stuff"), 0)
    assert np.array_equal(truth.segments, ids)
    assert truth.ids.tolist() == [segment["id"] for segment in infos]
    assert truth.labels.tolist() == [3, 0, 2, 1]
    assert truth.crowd.tolist() == [False, False, True, False]


def test_pngs_are_read_only_when_needed(write_panoptic: Write, scene: Any) -> None:
    root = write_panoptic([scene, scene])
    data = opened(root, check=0)
    for path in (root / "annotations/panoptic_val").iterdir():
        path.write_bytes(b"no longer an image")
    assert data.load(0, frozenset({"boxes"})).instances is not None
    with pytest.raises(AnnotationError, match=r"10\.png is not an image"):
        data.load(0, frozenset({"masks"}))
    with pytest.raises(AnnotationError, match=r"10\.png is not an image"):
        opened(root, check=1)


def test_mask_ap_and_pickled_copies_have_the_same_masks(write_panoptic: Write, scene: Any) -> None:
    data = pickle.loads(pickle.dumps(opened(write_panoptic([scene]))))
    found = data.load(0, data.provides).instances
    assert found.masks is not None
    metric = CocoMetric(data, data.label_spaces["instances"], "segm")
    metric.update(
        [
            Detections(
                image_id=10,
                size=(4, 6),
                boxes=torch.from_numpy(found.boxes[:1]),
                scores=torch.ones(1),
                labels=torch.from_numpy(found.labels[:1]),
                label_space=data.label_spaces["instances"],
                masks=torch.from_numpy(found.masks.planes()[:1] > 0),
            )
        ]
    )
    assert metric.compute().metrics["AP"] == pytest.approx(1.0)


def test_images_without_things_can_be_skipped_without_reading(write_panoptic: Write, scene: Any) -> None:
    ids = np.full((3, 3), 4)
    empty = (ids, [{"id": 4, "category_id": 200, "iscrowd": 0, "bbox": [0, 0, 3, 3], "area": 9}])
    root = write_panoptic([empty, scene])
    (root / "annotations/panoptic_val/10.png").write_bytes(b"")
    data = opened(root, skip_empty=True)
    assert data.ids == [11]
    assert np.array_equal(truth_of(data, 0).segments, scene[0])
    assert data.load(0, frozenset({"masks"})).instances is not None
    assert data.instances.segments is not None
    mask = coco_mask.decode(json.loads(data.instances.segments[0]))
    assert np.array_equal(mask, scene[0] == 70000)


def _set(**changes: Any) -> Change:
    """Return a function that changes the first segment."""

    def change(content: dict[str, Any]) -> None:
        content["annotations"][0]["segments_info"][0].update(changes)

    return change


def _drop_segment(content: dict[str, Any]) -> None:
    content["annotations"][0]["segments_info"].pop()


def _drop_annotation(content: dict[str, Any]) -> None:
    content["annotations"].clear()


def _annotate_twice(content: dict[str, Any]) -> None:
    content["annotations"] *= 2


def _other_image(content: dict[str, Any]) -> None:
    content["annotations"].append({**content["annotations"][0], "image_id": 99})


def _one_name(content: dict[str, Any]) -> None:
    content["categories"][1]["name"] = "cat"


def _no_things(content: dict[str, Any]) -> None:
    for category in content["categories"]:
        category["isthing"] = 0


def _no_box(content: dict[str, Any]) -> None:
    del content["annotations"][0]["segments_info"][0]["bbox"]


def _wider(content: dict[str, Any]) -> None:
    content["images"][0]["width"] = 7


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (_set(id=6), AnnotationError, "10.png has the segment 5, which the JSON does not list"),
        (_drop_segment, AnnotationError, "10.png has the segment 8, which the JSON does not list"),
        (_set(id=8), AnnotationError, "image 10 has two segments with the id 8"),
        (_set(id=0), AnnotationError, "segments_info[0].id"),
        (_set(category_id=2), UnknownCategoryError, "segment 5 of image 10 has the category id 2"),
        (_no_box, AnnotationError, "annotations[0].segments_info[0].bbox: is missing"),
        (_drop_annotation, AnnotationError, "1 of 1 images have no annotation, such as 10"),
        (_annotate_twice, AnnotationError, "annotated image ids occur more than once, such as 10"),
        (_other_image, AnnotationError, "an annotation belongs to image 99, which 'images' does not list"),
        (_one_name, AnnotationError, "category names occur more than once, such as 'cat'"),
        (_no_things, AnnotationError, "has no category with isthing 1"),
        (_wider, AnnotationError, "10.png has 4×6 pixels, but its image has 4×7"),
    ],
)
def test_invalid_json_is_refused_by_name(
    write_panoptic: Write, scene: Any, change: Change, kind: type[HubError], message: str
) -> None:
    root = write_panoptic([copy.deepcopy(scene)], change=change)
    with pytest.raises(kind) as error:
        opened(root)
    assert message in str(error.value)
    assert "fix:" in str(error.value)


def test_a_segment_without_pixels_is_refused(write_panoptic: Write, scene: Any) -> None:
    ids, infos = copy.deepcopy(scene)
    extra = {"id": 12, "category_id": 7, "bbox": [0, 0, 1, 1]}
    root = write_panoptic([(ids, [*infos, extra])])
    with pytest.raises(AnnotationError, match=r"10\.png has no pixel of the segment 12, which the JSON lists"):
        opened(root)


def test_invalid_files_are_refused_by_name(write_panoptic: Write, scene: Any) -> None:
    root = write_panoptic([scene])
    png = root / "annotations/panoptic_val/10.png"
    content = png.read_bytes()
    Image.fromarray(np.zeros((4, 6), np.uint8)).save(png)
    with pytest.raises(AnnotationError, match="has L pixels, but ids are stored as RGB colors"):
        opened(root)
    png.unlink()
    with pytest.raises(AnnotationError, match=r"1 of 1 images have no PNG of segments, such as .*10\.png"):
        opened(root)
    (root / "elsewhere").mkdir()
    (root / "elsewhere/10.png").write_bytes(content)
    assert len(opened(root, masks="elsewhere")) == 1
    (root / "val/10.jpg").unlink()
    with pytest.raises(ImageError, match=r"10\.jpg"):
        opened(root, masks="elsewhere")
    with pytest.raises(AnnotationError, match=r"nothing\.json cannot be read"):
        opened(root, annotations="nothing.json")
    (root / "annotations/panoptic_val.json").write_text("{")
    with pytest.raises(AnnotationError, match="is not JSON"):
        opened(root)


def test_a_category_named_things_is_supported_or_refused(write_panoptic: Write, scene: Any) -> None:
    def rename(content: dict[str, Any]) -> None:
        content["categories"][1]["name"] = "things"

    root = write_panoptic([scene], change=rename)
    assert opened(root).label_spaces["semantic"].names[1] == "things"
    with pytest.raises(DataError, match="a category 'things', but semantic: stuff uses that name for all things"):
        opened(root, semantic="stuff")
