from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torchvision.ops import clip_boxes_to_image

from hub.data import check_boxes
from hub.data.annotations.boxes import clip_boxes
from hub.errors import BadBoxesError

SIZE = (10, 20)  # height, width
COORDINATE = st.integers(-5, 25) | st.sampled_from([float("nan"), float("inf"), -float("inf")])


def _kind(box):
    """Classify one box by brute force, pixel by pixel."""
    if not np.isfinite(box).all():
        return "not_finite"
    x1, y1, x2, y2 = (int(side) for side in box)
    pixels = {(x, y) for x in range(x1, x2) for y in range(y1, y2)}
    if not pixels:
        return "zero_area"
    inside = {(x, y) for x, y in pixels if 0 <= x < SIZE[1] and 0 <= y < SIZE[0]}
    return "sound" if inside == pixels else "partly_outside" if inside else "outside"


@given(hnp.arrays(np.float64, st.tuples(st.integers(0, 12), st.just(4)), elements=COORDINATE))
def test_each_box_is_counted_once_and_correctly(boxes):
    report = check_boxes(boxes, np.tile(SIZE, (len(boxes), 1)))
    kinds = [_kind(box) for box in boxes]
    for kind in ("zero_area", "outside", "not_finite", "partly_outside"):
        assert getattr(report, kind) == kinds.count(kind)
    assert report.usable.tolist() == [kind in ("sound", "partly_outside") for kind in kinds]
    assert report.total == len(boxes)
    assert report.bad == (~report.usable).sum()
    assert bool(report) == any(kind != "sound" for kind in kinds)


def test_a_box_that_float32_flattens_is_not_usable():
    flat = np.array([[500.0, 0, 500.00001, 50]])  # some width in float64, none in what training gets
    report = check_boxes(flat, np.array([[1000, 1000]]))
    assert (report.zero_area, report.usable.tolist()) == (1, [False])
    sliver = np.array([[-40.0, 0, 1e-50, 50]])  # inside by less than float32 can tell
    assert check_boxes(sliver, np.array([[1000, 1000]])).outside == 1


def test_rounding_in_the_file_is_not_reported():
    assert not check_boxes(np.array([[0, 0, 20.0000001, 10.004]]), np.array([SIZE]))


def test_huge_coordinates_are_clipped_without_a_warning(recwarn):
    report = check_boxes(np.array([[0, 0, 1e300, 1e300]]), np.array([SIZE]))
    assert report.partly_outside == 1
    assert not recwarn.list


def test_clipping_equals_torchvision():
    boxes = np.random.default_rng(0).uniform(-30, 60, (50, 4))
    expected = clip_boxes_to_image(torch.from_numpy(boxes).float(), SIZE)
    out = clip_boxes(boxes, np.array(SIZE))
    assert out.dtype == np.float32
    np.testing.assert_array_equal(out, expected.numpy())


def test_refuses_only_above_the_limit():
    boxes = np.array([[0, 0, 5, 5], [3, 3, 3, 3], [90, 90, 95, 95], [1, 1, 2, np.nan]])
    report = check_boxes(boxes, np.tile(SIZE, (4, 1)))
    known = {"name": "some.json", "ids": np.array([11, 12, 13, 14]), "image_ids": ["a", "b", "c", "d"]}
    report.refuse(0.75, **known)
    with pytest.raises(BadBoxesError) as error:
        report.refuse(0.74, **known)
    message = str(error.value)
    for part in (
        "some.json", "3 of 4 boxes", "1 without area", "1 outside the image", "1 not finite", "74.0%",
        "annotation 12 of image b", "annotation 14 of image d", "max_bad_boxes",
    ):  # fmt: skip
        assert part in message


def test_no_boxes_are_no_reason_to_refuse():
    report = check_boxes(np.zeros((0, 4)), np.zeros((0, 2)))
    report.refuse(0.0, name="", ids=np.zeros(0), image_ids=[])
    assert str(report) == "0 boxes: all valid"
