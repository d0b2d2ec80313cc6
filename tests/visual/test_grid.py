"""Grids of images."""

from __future__ import annotations

import numpy as np
import pytest

from hub.visual import side_by_side

RED, BLUE = (200, 30, 30), (30, 30, 200)


def plain(height: int, width: int, color: tuple[int, int, int]) -> np.ndarray:
    return np.full((height, width, 3), color, np.uint8)


def count(sheet: np.ndarray, color: tuple[int, int, int]) -> int:
    return int((sheet == color).all(axis=2).sum())


def test_images_of_one_size_are_shown_completely_and_unscaled() -> None:
    sheet = side_by_side([plain(60, 80, RED), plain(60, 80, BLUE)])
    assert count(sheet, RED) == count(sheet, BLUE) == 60 * 80
    reds = np.argwhere((sheet == RED).all(axis=2))
    blues = np.argwhere((sheet == BLUE).all(axis=2))
    assert reds[:, 0].min() == blues[:, 0].min()  # one row
    assert reds[:, 1].max() < blues[:, 1].min()  # in the given order


def test_rows_are_filled_in_order() -> None:
    sheet = side_by_side([plain(60, 80, RED)] * 2 + [plain(60, 80, BLUE)], columns=2)
    rows = np.argwhere((sheet == BLUE).all(axis=2))
    assert rows[:, 0].min() > np.argwhere((sheet == RED).all(axis=2))[:, 0].max()
    assert rows[:, 1].max() < sheet.shape[1] / 2  # below the first one, not the second


def test_images_of_other_sizes_fill_their_cell_with_their_aspect_ratio_kept() -> None:
    sheet = side_by_side([plain(300, 100, RED), plain(50, 100, BLUE)], cell=(150, 200))
    assert count(sheet, RED) == 150 * 50
    assert count(sheet, BLUE) == 100 * 200


def test_titles_are_above_and_never_on_the_images() -> None:
    images = [plain(120, 160, RED), plain(120, 160, BLUE)]
    bare, titled = side_by_side(images), side_by_side(images, ["before", "after " * 50])
    assert titled.shape[0] > bare.shape[0]
    assert titled.shape[1] == bare.shape[1]
    assert count(titled, RED) == count(titled, BLUE) == 120 * 160
    first = np.argwhere((titled == RED).all(axis=2))[:, 0].min()
    assert (titled[:first].min(axis=2) < 128).any()  # ink


def test_titles_must_be_as_many_as_images() -> None:
    with pytest.raises(ValueError, match="2 images with 1 titles"):
        side_by_side([plain(10, 10, RED)] * 2, ["one"])
    with pytest.raises(ValueError, match="0 images"):
        side_by_side([])
