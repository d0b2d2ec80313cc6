"""Affine matrices move points as specified."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from hub.contract.sample import Sample
from hub.data.functional.affine import affine, affine_matrix
from hub.data.transforms import Transform
from hub.errors import OptionError

Scene = Callable[..., Sample]


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_quarter_turn_is_numpys(turns: int, scene: Scene) -> None:
    sample = scene(3, height=50, width=50)
    new = affine(sample, affine_matrix((50, 50), rotate=90 * turns))
    assert new.instances is not None
    assert sample.instances is not None
    np.testing.assert_allclose(new.image, np.rot90(sample.image, -turns).astype(int), atol=1)  # clockwise
    np.testing.assert_array_equal(new.maps["semantic"], np.rot90(sample.maps["semantic"], -turns))
    np.testing.assert_array_equal(
        new.instances.masks.planes(), np.rot90(sample.instances.masks.planes(), -turns, (1, 2))
    )
    corners = sample.instances.boxes.reshape(-1, 2, 2)
    points = sample.instances.keypoints[..., :2]
    for _ in range(turns):
        corners, points = (np.stack([50 - p[..., 1], p[..., 0]], -1) for p in (corners, points))
    boxes = np.concatenate([corners.min(1), corners.max(1)], 1)
    np.testing.assert_allclose(new.instances.boxes, boxes, atol=1e-4)
    np.testing.assert_allclose(new.instances.keypoints[..., :2], points, atol=1e-4)


@given(
    rotate=st.floats(-180, 180),
    scale=st.floats(0.5, 2),
    shear=st.tuples(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5)),
    translate=st.tuples(st.floats(-0.3, 0.3), st.floats(-0.3, 0.3)),
)
@settings(max_examples=25, deadline=None)
def test_pixels_come_from_where_scipy_says(
    rotate: float, scale: float, shear: tuple[float, float], translate: tuple[float, float], scene: Scene
) -> None:
    rows, columns = np.mgrid[0:40, 0:60].astype(np.float32)
    sample = replace(
        scene(), image=(2 * columns + rows).astype(np.uint8)[..., None], maps={"column": columns, "row": rows}
    )
    matrix = affine_matrix((40, 60), rotate=rotate, scale=scale, shear=shear, translate=translate)
    matrix[:, 2] += np.sqrt([2, 3]) / 50  # so that no source lies just between two pixels
    new = affine(sample, matrix, fill=77)
    # scipy maps indices of the result, row first, to indices of the source; an index is the middle of a pixel.
    inverse = np.linalg.inv(matrix[:, :2])
    offset = inverse @ (0.5 - matrix[:, 2]) - 0.5
    options = {"matrix": inverse[::-1, ::-1], "offset": offset[::-1], "mode": "grid-constant"}
    for name in ("column", "row"):
        expected = ndimage.affine_transform(sample.maps[name], cval=np.nan, order=0, **options)
        agree = (new.maps[name] == expected) | (np.isnan(new.maps[name]) & np.isnan(expected))
        assert agree.mean() > 0.995
    expected = ndimage.affine_transform(sample.image[..., 0].astype(float), cval=77, order=1, **options)
    inside = ndimage.binary_erosion(~np.isnan(new.maps["row"]), iterations=3)
    np.testing.assert_allclose(new.image[..., 0][inside], expected[inside], atol=1.5)
    outside = ndimage.binary_erosion(np.isnan(new.maps["row"]), iterations=3)
    assert (new.image[..., 0][outside] == 77).all()


def test_a_whole_shift_moves_everything_and_drops_what_leaves(scene: Scene) -> None:
    sample = scene(5)
    new = affine(sample, affine_matrix((40, 60), translate=(0.5, 0.0)), fill=9)
    assert new.instances is not None
    assert sample.instances is not None
    np.testing.assert_array_equal(new.image[:, 30:], sample.image[:, :30])
    assert (new.image[:, :30] == 9).all()
    assert (new.maps["semantic"][:, :30] == 255).all()
    planes = sample.instances.masks.planes()
    stays = planes[:, :, :30].any((1, 2))
    assert new.instances.labels.tolist() == sample.instances.labels[stays].tolist()
    np.testing.assert_array_equal(new.instances.masks.planes()[:, :, 30:], planes[stays][:, :, :30])


def test_without_masks_a_box_encloses_the_turned_box(scene: Scene) -> None:
    sample = scene(count=1)
    assert sample.instances is not None
    sample.instances.boxes, sample.instances.masks = np.array([[20, 10, 40, 30]], np.float32), None
    turned = affine(sample, affine_matrix((40, 60), rotate=45)).instances
    assert turned is not None
    half = 10 * np.sqrt(2)
    np.testing.assert_allclose(turned.boxes, [[30 - half, 20 - half, 30 + half, 20 + half]], atol=1e-4)


@pytest.mark.parametrize(("least", "kept"), [(0.2, 1), (0.3, 0)])
def test_an_object_of_which_too_little_is_left_is_dropped(least: float, kept: int, scene: Scene) -> None:
    sample = scene(count=1)
    assert sample.instances is not None
    sample.instances.boxes, sample.instances.masks = np.array([[40, 10, 60, 30]], np.float32), None
    new = affine(sample, affine_matrix((40, 60), translate=(0.25, 0)), min_visibility=least)  # 15 of 20 columns go
    assert new.instances is not None
    assert len(new.instances) == kept


def test_each_amount_stays_in_its_range(scene: Scene) -> None:
    sample = scene()
    sample.maps = {"x": np.broadcast_to(np.arange(60, dtype=np.float32), (40, 60)).copy()}
    still = Transform.parse([{"name": "affine", "rotate": 0, "low": 1.5, "high": 2.0}])
    spans = [np.ptp(still(sample, seed).maps["x"]) for seed in range(40)]
    assert 29 <= min(spans) < 33 < 36 < max(spans) <= 40
    shifted = Transform.parse([{"name": "affine", "rotate": 0, "translate": 0.25}])
    lefts = [float(np.isnan(shifted(sample, seed).maps["x"]).mean()) for seed in range(40)]
    assert 0.3 < max(lefts) <= 1 - 0.75**2 + 0.02


def test_a_shear_that_would_flatten_the_image_is_refused() -> None:
    with pytest.raises(OptionError, match=r"shear = 45"):
        Transform.parse([{"name": "affine", "shear": 45}])
