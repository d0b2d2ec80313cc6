from __future__ import annotations

import numpy as np
import pytest

from hub.visual import class_color, draw_panoptic

SEGMENTS = np.repeat(np.repeat(np.array([[1, 2, 3, 0]]), 60, 0), 40, 1)  # 60 × 160
NAMES = {1: "cat", 2: "cat", 3: "sky", 9: "not there"}


def test_things_of_a_class_differ_and_void_is_unchanged() -> None:
    image = np.full((60, 160, 3), 100, np.uint8)
    drawn = draw_panoptic(image, SEGMENTS, NAMES, things={1, 2})
    assert (image == 100).all()
    inside = [drawn[50, column].tolist() for column in (20, 60, 100, 140)]
    assert len({tuple(color) for color in inside}) == 4
    assert inside[3] == [100, 100, 100]
    assert drawn[50, 39].min() > 200, "a light line between things"
    assert (drawn[50, 85:115] == inside[2]).all(), "stuff is plain inside"


def test_the_legend_names_the_classes() -> None:
    image = np.zeros((60, 160, 3), np.uint8)
    drawn = draw_panoptic(image, SEGMENTS, NAMES, things={1, 2})
    plates = {tuple(color) for color in drawn[:30, :30].reshape(-1, 3).tolist()}
    assert class_color("cat") in plates
    assert class_color("sky") in plates
    assert class_color("not there") not in plates


def test_stuff_called_background_is_not_drawn_but_a_thing_is() -> None:
    image = np.zeros((60, 160, 3), np.uint8)
    for things, touched in (((), False), ({3}, True)):
        drawn = draw_panoptic(image, SEGMENTS, {3: "background"}, things=things)
        assert drawn[55, 100].any() == touched


@pytest.mark.parametrize("shape", [(120, 320), (120, 320, 1), (120, 320, 3)])
def test_images_of_any_kind_and_size(shape: tuple[int, ...]) -> None:
    assert draw_panoptic(np.zeros(shape, np.uint8), SEGMENTS, NAMES).shape == (120, 320, 3)
