from __future__ import annotations

import numpy as np

from hub_depth.draw import draw_depth


def test_near_is_red_and_far_is_blue() -> None:
    depth = np.geomspace(2, 50, 200)[None].repeat(120, 0)
    red, _, blue = draw_depth(depth)[:60].mean(0).T
    assert (red[10:30] > blue[10:30]).all()
    assert (blue[170:190] > red[170:190]).all()


def test_the_scale_says_where_its_ends_are() -> None:
    """Other depths in the same order give the same colors and another scale."""
    depth = np.geomspace(2, 50, 200)[None].repeat(120, 0)
    one, other = draw_depth(depth), draw_depth(depth * 3)
    different = np.flatnonzero((one != other).any((1, 2)))
    assert len(different)
    assert different.min() > 80, "the picture above the scale is the same"


def test_unknown_pixels_are_black_and_strays_take_no_colours() -> None:
    depth = np.geomspace(2, 50, 200)[None].repeat(120, 0)
    odd = depth.copy()
    odd[0, :3] = np.nan, 0, -1
    odd[1, 0] = 1e6
    picture = draw_depth(odd)
    assert not picture[0, :3].any()
    difference = np.abs(picture[2:100].astype(int) - draw_depth(depth)[2:100])
    assert difference.max() < 20


def test_any_size_and_any_values() -> None:
    for depth in (np.ones((1, 1)), np.full((20, 30), 4.0), np.full((5, 900), np.nan), np.full((64, 64), 1e-3)):
        picture = draw_depth(depth)
        assert picture.shape == (*depth.shape, 3)
        assert picture.dtype == np.uint8
    assert draw_depth(np.ones((10, 10)), size=(20, 40)).shape == (20, 40, 3)
