from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco_mask
from scipy import ndimage

from hub.data.annotations.masks import to_rle
from hub.data.writers.outline import outline, trace
from hub.errors import AnnotationError

MASKS = hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 1))


def rle_of(mask: np.ndarray) -> bytes:
    rle = coco_mask.encode(np.asfortranarray(mask))
    return json.dumps({"size": list(mask.shape), "counts": rle["counts"].decode()}).encode()


@settings(max_examples=200, deadline=None)
@given(MASKS)
def test_one_polygon_covers_just_the_masks_pixels(mask: np.ndarray) -> None:
    points = outline(rle_of(mask), *mask.shape)
    if not mask.any():
        assert points is None
        return
    assert points is not None
    back = to_rle(json.dumps([points.ravel().tolist()]).encode(), *mask.shape)
    np.testing.assert_array_equal(coco_mask.decode(back), mask)
    x, y = points.T
    assert (x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2 == mask.sum()  # holes are taken off by the shoelace formula


@settings(max_examples=100, deadline=None)
@given(MASKS)
def test_the_even_odd_rule_gives_the_mask_at_the_pixels_centres(mask: np.ndarray) -> None:
    """Rasterize by brute force: a center is inside if a ray to the right crosses the polygon an odd number of times."""
    points = outline(rle_of(mask), *mask.shape)
    if points is None:
        return
    ends = np.roll(points, -1, 0)
    for y, x in np.ndindex(*mask.shape):
        below = (points[:, 1] > y + 0.5) != (ends[:, 1] > y + 0.5)
        (x1, y1), (x2, y2) = points[below].T, ends[below].T
        crossings = (x1 + (y + 0.5 - y1) / (y2 - y1) * (x2 - x1) > x + 0.5).sum()
        assert crossings % 2 == mask[y, x]


@settings(max_examples=50, deadline=None)
@given(MASKS)
def test_there_is_a_loop_for_each_part_and_each_hole_at_least(mask: np.ndarray) -> None:
    parts = ndimage.label(mask, np.ones((3, 3)))[1]
    holes = ndimage.label(np.pad(mask, 1) == 0)[1] - 1
    loops = trace(mask)
    signed = [loop[:, 0] @ np.roll(loop[:, 1], -1) - loop[:, 1] @ np.roll(loop[:, 0], -1) for loop in loops]
    assert sum(area > 0 for area in signed) >= (1 if parts else 0)
    assert sum(signed) / 2 == mask.sum()
    assert len(loops) <= parts + holes + mask.size


def test_polygons_that_are_one_part_keep_their_points() -> None:
    polygon = [1.5, 1, 6.25, 1.1, 4, 7]
    points = outline(json.dumps([polygon]).encode(), 9, 9)
    assert points is not None
    assert points.ravel().tolist() == polygon


def test_parts_that_overlap_are_still_a_union() -> None:
    segment = json.dumps([[0, 0, 6, 0, 6, 6, 0, 6], [3, 3, 9, 3, 9, 9, 3, 9]]).encode()
    points = outline(segment, 9, 9)
    assert points is not None
    assert coco_mask.area(to_rle(json.dumps([points.ravel().tolist()]).encode(), 9, 9)) == 36 + 36 - 9


def test_an_invalid_segmentation_is_reported() -> None:
    with pytest.raises(AnnotationError, match="annotation 3"):
        outline(b'{"size": [4, 4], "counts": [3]}', 4, 4, where="annotation 3")
