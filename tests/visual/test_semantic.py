"""Maps are tinted in the colors of their classes; background and ignored pixels stay."""

from __future__ import annotations

import numpy as np

from hub.labels import LabelSpace
from hub.visual import class_color, draw_semantic


def test_only_classes_are_tinted_and_the_image_is_unchanged() -> None:
    image = np.full((80, 120, 3), 100, np.uint8)
    classes = np.zeros((80, 120), np.uint8)
    classes[40:60, 50:100] = 1
    classes[70:] = 255
    drawn = draw_semantic(image, classes, LabelSpace.of(["background", "car"]))
    assert (image == 100).all()
    assert (drawn[62:] == 100).all()
    assert (drawn[:30, 70:] == 100).all()
    tint = drawn[50, 75].astype(int) - 100
    assert np.abs(tint - 0.55 * (np.array(class_color("car")) - 100)).max() <= 1
