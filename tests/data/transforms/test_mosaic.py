"""Four images around one point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.contract.sample import Sample
from hub.data.transforms import Transform

Scene = Callable[..., Sample]


@given(seed=st.integers(0, 2**63 - 1))
@settings(max_examples=25, deadline=None)
def test_each_image_touches_the_point_with_its_inner_corner(seed: int, scene: Scene) -> None:
    rows, columns = np.mgrid[0:40, 0:60].astype(np.float32)
    left = [10, 20, 30, 40]

    def numbered(value: int) -> Sample:
        sample = scene(count=0)
        maps = {"row": rows, "column": columns, "image": np.full((40, 60), value, np.uint8)}
        return replace(sample, image=np.full_like(sample.image, value), maps=maps)

    def draw(rng: np.random.Generator) -> Sample:
        return numbered(left.pop(0))

    mosaic = Transform.parse([{"name": "mosaic", "size": [80, 120], "fill": 99 / 255}])
    new = mosaic(numbered(left.pop(0)), seed, draw)
    owner = new.maps["image"]
    np.testing.assert_array_equal(new.image[..., 0], np.where(owner == 255, 99, owner))
    y, x = (int(at.max()) + 1 for at in np.nonzero(owner == 10))
    assert 20 <= y <= 60
    assert 30 <= x <= 90
    # From the point outwards each image shows its rows and columns, up to its end or the canvas's.
    row = np.arange(80)[:, None] + np.zeros((1, 120))
    column = np.arange(120)[None] + np.zeros((80, 1))
    expected = np.full((80, 120), 255)
    for value, above, before in ((10, 1, 1), (20, 1, 0), (30, 0, 1), (40, 0, 0)):
        down = row - y + 40 if above else row - y
        across = column - x + 60 if before else column - x
        quarter = ((row < y) == bool(above)) & ((column < x) == bool(before))
        shown = quarter & (down >= 0) & (down < 40) & (across >= 0) & (across < 60)
        expected[shown] = value
        np.testing.assert_array_equal(new.maps["row"][shown], down[shown])
        np.testing.assert_array_equal(new.maps["column"][shown], across[shown])
    np.testing.assert_array_equal(owner, expected)
    assert (np.isnan(new.maps["row"]) == (owner == 255)).all()


def test_images_of_any_size_fit_half_the_canvas(scene: Scene) -> None:
    big = replace(scene(count=0, height=200, width=100), maps={})
    big.image[:] = 50
    new = Transform.parse([{"name": "mosaic", "size": [80, 80], "fill": 0, "low": 0.5, "high": 0.5}])(
        big, 0, lambda rng: big
    )
    shown = new.image[..., 0] == 50
    assert shown.all(0).sum() == 40  # each is 40 × 20, beside the middle column
    assert shown[:, 20:60].all()


def test_objects_cut_too_much_are_dropped(scene: Scene) -> None:
    sample = scene(1)
    sizes = []
    for least in (0.0, 0.9):
        mosaic = Transform.parse([{"name": "mosaic", "size": [80, 120], "min_visibility": least}])
        several = [mosaic(sample, seed, lambda rng: sample).instances for seed in range(20)]
        sizes.append(sum(len(one) for one in several if one is not None))
    assert sizes[1] < sizes[0]
