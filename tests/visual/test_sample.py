from __future__ import annotations

from pathlib import Path

import numpy as np

from hub.contract.instance_masks import InstanceMasks
from hub.contract.sample import Instances, Sample
from hub.labels import LabelSpace
from hub.visual import class_color
from hub.visual.sample import caption, draw_sample, enlarge

LABELS = LabelSpace.of(["cat", "dog", "emu"])


def sample(**more: object) -> Sample:
    return Sample(image=np.full((40, 60, 3), 100, np.uint8), id=1, path=Path("a.png"), original_size=(40, 60), **more)


def test_each_kind_of_annotation_changes_the_picture_and_not_the_sample() -> None:
    box = np.array([[10, 12, 50, 36]], np.float32)
    objects = Instances(box, np.array([1]), np.array([False]))
    semantic = np.zeros((40, 60), np.int64)
    semantic[:, 30:] = 2
    depth = np.full((40, 60), np.nan)
    depth[:20] = np.linspace(0, 1, 60)
    for one in (sample(instances=objects), sample(maps={"semantic": semantic}), sample(maps={"depth": depth})):
        drawn = draw_sample(one, {"instances": LABELS, "semantic": LABELS})
        assert drawn.shape == (40, 60, 3)
        assert (drawn != 100).any()
        assert (one.image == 100).all()
    unknown = draw_sample(sample(maps={"depth": depth}), {})[20:]
    assert (unknown == 100).all()
    plain = draw_sample(sample(instances=Instances(np.zeros((0, 4)), np.zeros(0, int), np.zeros(0, bool))), {})
    assert (plain == 100).all()


def test_objects_have_the_colors_of_their_names_in_the_labels_given() -> None:
    objects = Instances(np.array([[10, 12, 50, 36]], np.float32), np.array([1]), np.array([False]))
    drawn = draw_sample(sample(instances=objects), {"instances": LABELS})
    assert (drawn == class_color("dog")).all(-1).any()
    assert not (drawn == class_color("cat")).all(-1).any()


def test_gray_images_are_drawn_on_too() -> None:
    gray = sample(maps={"semantic": np.ones((40, 60), np.int64)})
    gray.image = gray.image[:, :, :1]
    assert draw_sample(gray, {"semantic": LABELS}).shape == (40, 60, 3)


def test_captions_name_tags() -> None:
    assert caption(sample(), {}) == ""
    assert caption(sample(tags={"class": np.array(2)}), {"class": LABELS}) == "emu"
    assert caption(sample(tags={"class": np.array(255)}), {"class": LABELS}) == "none"
    several = {"labels": np.array([1, np.nan, 0]), "age": np.array(7.5)}
    assert caption(sample(tags=several), {"labels": LABELS}) == "labels: cat, dog?, age: 7.5"


def test_enlarged_annotations_match_the_image() -> None:
    mask = np.zeros((1, 40, 60), np.uint8)
    mask[0, 12:36, 10:50] = 1
    points = np.array([[[10, 12, 2], [0, 0, 0]]], np.float32)
    objects = Instances(
        np.array([[10, 12, 50, 36]], np.float32),
        np.array([1]),
        np.array([False]),
        InstanceMasks.from_planes(mask),
        points,
    )
    grown = enlarge(sample(instances=objects, maps={"semantic": mask[0]}), 3)
    assert grown.image.shape == (120, 180, 3)
    assert grown.instances is not None
    assert grown.instances.masks is not None
    assert grown.instances.keypoints is not None
    rows, columns = np.nonzero(grown.instances.masks.plane(0))
    assert [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] == grown.instances.boxes[0].tolist()
    np.testing.assert_array_equal(grown.maps["semantic"], grown.instances.masks.plane(0))
    assert grown.instances.keypoints.tolist() == [[[30, 36, 2], [0, 0, 0]]]
