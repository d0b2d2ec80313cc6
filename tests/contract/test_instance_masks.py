"""Cropped masks behave like full-size masks; numpy on full-size masks is the oracle."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.contract.instance_masks import InstanceMasks


@st.composite
def drawn_planes(draw: st.DrawFn) -> np.ndarray:
    """(N, H, W) with empty, full and sparse masks."""
    height, width, count = draw(st.integers(1, 12)), draw(st.integers(1, 12)), draw(st.integers(0, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    density = rng.choice([0.0, 0.05, 0.5, 1.0], (count, 1, 1))
    return (rng.random((count, height, width)) < density).astype(np.uint8)


@given(drawn_planes())
def test_planes_areas_boxes_union_and_selection(planes: np.ndarray) -> None:
    masks = InstanceMasks.from_planes(planes)
    np.testing.assert_array_equal(masks.planes(), planes)
    np.testing.assert_array_equal(masks.areas, planes.sum((1, 2), dtype=np.int64))
    np.testing.assert_array_equal(masks.union(), planes.any(0) if len(planes) else np.zeros(planes.shape[1:], bool))
    which = np.arange(len(planes)) % 2 == 0
    np.testing.assert_array_equal(masks[which].planes(), planes[which])
    np.testing.assert_array_equal(InstanceMasks.concatenate([masks, masks[::-1]]).planes()[len(planes) :], planes[::-1])
    for i, (plane, box) in enumerate(zip(planes, masks.boxes, strict=True)):
        rows, columns = np.nonzero(plane)
        tight = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] if len(rows) else [0] * 4
        assert box.tolist() == tight
        np.testing.assert_array_equal(masks.plane(i), plane)


@given(drawn_planes(), st.data())
@settings(max_examples=200)
def test_any_rising_or_falling_choice_of_rows_and_columns(planes: np.ndarray, data: st.DataObject) -> None:
    chosen = []
    for side in planes.shape[1:]:
        index = np.array(sorted(data.draw(st.lists(st.integers(-3, side + 3), max_size=15))), np.int64)
        chosen.append(index[::-1] if data.draw(st.booleans()) else index)
    rows, columns = chosen
    padded = np.pad(planes, [(0, 0), (3, 4), (3, 4)])
    expected = padded[:, rows + 3][:, :, columns + 3]
    np.testing.assert_array_equal(InstanceMasks.from_planes(planes).index_axes(rows, columns).planes(), expected)


@given(
    drawn_planes(),
    st.lists(st.floats(-2, 2), min_size=4, max_size=4),
    st.lists(st.floats(-9, 9), min_size=2, max_size=2),
)
@settings(max_examples=200)
def test_warping_takes_the_pixel_in_which_each_center_lies(
    planes: np.ndarray, linear: list[float], shift: list[float]
) -> None:
    matrix = np.column_stack([np.array(linear).reshape(2, 2), shift])
    if abs(np.linalg.det(matrix[:, :2])) < 1e-2:
        return
    height, width = planes.shape[1:]
    inverse = np.linalg.inv(matrix[:, :2])
    x, y = np.arange(width) + 0.5 - matrix[0, 2], np.arange(height)[:, None] + 0.5 - matrix[1, 2]
    columns, rows = (np.floor(a * x + b * y).astype(int) for a, b in inverse)
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    expected = planes[:, np.where(inside, rows, 0), np.where(inside, columns, 0)] * inside
    np.testing.assert_array_equal(InstanceMasks.from_planes(planes).warp(matrix).planes(), expected)


@given(drawn_planes(), st.integers(0, 2**32 - 1))
def test_without_a_region(planes: np.ndarray, seed: int) -> None:
    region = np.random.default_rng(seed).random(planes.shape[1:]) < 0.5
    np.testing.assert_array_equal(InstanceMasks.from_planes(planes).without(region).planes(), planes * ~region)


def test_segments_of_a_map_of_ids() -> None:
    segments = np.array([[7, 7, 0], [9, 0, 0]])
    expected = np.stack([segments == i for i in (9, 7, 4)])
    np.testing.assert_array_equal(InstanceMasks.from_segments(segments, np.array([9, 7, 4])).planes(), expected)
