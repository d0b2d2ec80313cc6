"""Drawings of objects."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.contract.instance_masks import InstanceMasks
from hub.contract.results import Detections
from hub.contract.sample import Instances
from hub.labels import LabelSpace
from hub.visual import class_color, draw_detections, draw_instances
from hub.visual.draw import Style, _covered, _place

LABELS = LabelSpace(("cat", "dog"))
GRAY = 128


def blank(height: int = 240, width: int = 320) -> np.ndarray:
    return np.full((height, width, 3), GRAY, np.uint8)


def found(boxes: list[list[float]], scores: list[float], labels: list[int] | None = None, **more: Any) -> Detections:
    return Detections(
        image_id=1,
        size=(240, 320),
        boxes=torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        scores=torch.tensor(scores),
        labels=torch.tensor(labels or [0] * len(scores), dtype=torch.int64),
        label_space=LABELS,
        **more,
    )


def has(image: np.ndarray, name: str) -> bool:
    return bool((image == class_color(name)).all(axis=2).any())


def test_a_box_is_drawn_in_its_class_color_on_its_own_border_pixels() -> None:
    image = blank()
    drawn = draw_detections(image, found([[40, 60, 140, 160]], [0.9], [1]))
    for y, x in ((110, 40), (110, 139), (159, 90)):  # left, right, bottom: x2 and y2 are past the last pixel
        assert tuple(drawn[y, x]) == class_color("dog")
    inside = drawn[70:150, 50:130]
    assert (inside == GRAY).all()
    assert (drawn[165:] == GRAY).all()
    assert (drawn[:, 150:] == GRAY).all()
    assert (image == GRAY).all()  # a copy


def test_objects_below_the_score_and_beyond_the_limit_are_left_out() -> None:
    detections = found([[10, 50, 60, 90], [100, 50, 160, 90], [200, 50, 260, 90]], [0.3, 0.6, 0.9], [0, 0, 1])
    assert not has(draw_detections(blank(), detections, score=0.95), "dog")
    both = draw_detections(blank(), detections, score=0.5)
    assert has(both[:, 100:170], "cat")
    assert not has(both[:, :65], "cat")
    best = draw_detections(blank(), detections, score=0.0, max_objects=1)
    assert has(best, "dog")
    assert not has(best, "cat")


def test_nothing_found_gives_an_equal_copy() -> None:
    image = blank()
    drawn = draw_detections(image, found([], []))
    assert (drawn == image).all()
    assert drawn is not image
    assert drawn.flags.writeable


def test_a_mask_tints_its_own_pixels_only() -> None:
    mask = torch.zeros(1, 240, 320, dtype=torch.bool)
    mask[0, 100:140, 100:140] = True
    drawn = draw_detections(blank(), found([[60, 60, 200, 200]], [0.9], masks=mask))
    tint = np.array(class_color("cat"), float) - GRAY
    change = drawn[120, 120].astype(float) - GRAY
    assert (np.sign(change) == np.sign(tint)).all()
    assert (np.abs(change) < np.abs(tint)).all()  # the image is visible through it
    assert tuple(drawn[90, 90]) == (GRAY, GRAY, GRAY)


def test_visible_keypoints_are_dots_and_others_are_not_drawn() -> None:
    keypoints = torch.tensor([[[100.0, 100, 1], [150, 150, 0]]])
    drawn = draw_detections(blank(), found([[60, 60, 200, 200]], [0.9], keypoints=keypoints))
    assert tuple(drawn[100, 100]) == class_color("cat")
    assert tuple(drawn[150, 150]) == (GRAY, GRAY, GRAY)


@pytest.mark.parametrize("shape", [(64, 64), (64, 64, 1)])
def test_gray_images_are_drawn_on_in_color(shape: tuple[int, ...]) -> None:
    drawn = draw_detections(np.full(shape, GRAY, np.uint8), found([[10, 10, 50, 50]], [0.9]))
    assert drawn.shape == (64, 64, 3)
    assert has(drawn, "cat")


@pytest.mark.parametrize(
    "box",
    [[-50, -50, 400, 400], [10, 10, 10, 10], [500, 500, 600, 600], [30, 30, 20, 20], [float("nan")] * 4],
    ids=["larger than the image", "of no area", "outside", "turned over", "not a number"],
)
def test_odd_boxes_are_drawn_without_failing(box: list[float]) -> None:
    drawn = draw_detections(blank(), found([box], [0.9]))
    assert drawn.shape == (240, 320, 3)
    assert has(drawn, "cat")


@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 200), (32, 32), (128, 128), (1080, 1920)])
def test_any_image_size_keeps_its_size(height: int, width: int) -> None:
    drawn = draw_detections(blank(height, width), found([[0, 0, width, height]], [0.9]))
    assert drawn.shape == (height, width, 3)


def test_letters_and_lines_grow_with_the_image_and_stay_readable_on_small_ones() -> None:
    styles = [Style.of(side, side) for side in (64, 128, 512, 1024, 2048, 4096)]
    assert styles[0].text >= 10
    assert all(a.text <= b.text and a.line <= b.line for a, b in itertools.pairwise(styles))
    assert styles[-1].text > 4 * styles[0].text


sides = st.integers(20, 400)
corner = st.tuples(st.integers(0, 400), st.integers(0, 400))


@settings(deadline=None, max_examples=200)
@given(width=sides, height=sides, first=corner, second=corner, plate=st.tuples(st.integers(1, 20), st.integers(1, 20)))
def test_a_label_is_always_inside_the_image(
    width: int, height: int, first: tuple[int, int], second: tuple[int, int], plate: tuple[int, int]
) -> None:
    (x1, x2), (y1, y2) = sorted((first[0], second[0])), sorted((first[1], second[1]))
    left, top, right, bottom = _place((x1, y1, x2, y2), *plate, width, height, [])
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    assert (right - left, bottom - top) == plate


def test_a_label_avoids_earlier_ones() -> None:
    box = (50, 50, 150, 150)
    first = _place(box, 40, 12, 300, 300, [])
    second = _place(box, 40, 12, 300, 300, [first])
    assert first == (50, 38, 90, 50)  # above the box, flush with its left side
    assert _covered(second, [first]) == 0


def test_labels_without_space_are_left_out() -> None:
    drawn = draw_detections(blank(32, 64), found([[0, 0, 64, 32]] * 40, [0.9] * 39 + [0.95], [0] * 39 + [1]))
    assert (drawn[2:8, 2:20] == class_color("dog")).all(axis=2).any()  # the best keeps its own on top


def test_annotations_are_drawn_in_the_colors_of_detections_and_crowds_are_marked() -> None:
    boxes = np.array([[40, 60, 140, 160], [180, 60, 300, 200]], np.float32)
    instances = Instances(boxes, np.array([1, 0]), np.array([False, False]))
    crowd = Instances(boxes, np.array([1, 0]), np.array([False, True]))
    drawn, marked = draw_instances(blank(), instances, LABELS), draw_instances(blank(), crowd, LABELS)
    assert tuple(drawn[110, 40]) == class_color("dog")
    assert tuple(drawn[110, 180]) == class_color("cat")
    assert (drawn[:, :160] == marked[:, :160]).all()
    plate = (marked[40:60, 180:] == class_color("cat")).all(axis=2).sum()
    assert plate > 1.5 * (drawn[40:60, 180:] == class_color("cat")).all(axis=2).sum()  # "cat (crowd)" is longer
    largest = draw_instances(blank(), instances, LABELS, max_objects=1)
    assert has(largest, "cat")
    assert not has(largest, "dog")


def test_annotated_masks_and_keypoints_are_drawn() -> None:
    masks = np.zeros((1, 240, 320), np.uint8)
    masks[0, 100:140, 100:140] = 1
    points = np.array([[[180, 180, 2], [70, 180, 0]]], np.float32)
    boxes = np.array([[60, 60, 200, 200]], np.float32)
    instances = Instances(
        boxes, np.array([0]), np.array([False]), masks=InstanceMasks.from_planes(masks), keypoints=points
    )
    drawn = draw_instances(blank(), instances, LABELS)
    assert tuple(drawn[120, 120]) != (GRAY, GRAY, GRAY)
    assert tuple(drawn[180, 180]) == class_color("cat")
    assert tuple(drawn[180, 70]) == (GRAY, GRAY, GRAY)
