"""One color for each class name, the same in every run, drawing and dataset."""

from __future__ import annotations

import colorsys
import hashlib
from functools import lru_cache

import numpy as np

Color = tuple[int, int, int]


@lru_cache(maxsize=4096)
def class_color(name: str) -> Color:
    """Return the RGB color of a class, each channel from 0 to 255: saturated, neither dark nor pale.

    >>> class_color("person") == class_color("person") != class_color("dog")
    True
    """
    # Python's own hash of a string differs between runs.
    digest = hashlib.blake2b(name.encode(), digest_size=4).digest()
    hue = int.from_bytes(digest[:2], "big") / 65536
    lightness = 0.46 + 0.16 * digest[2] / 255
    saturation = 0.75 + 0.25 * digest[3] / 255
    red, green, blue = colorsys.hls_to_rgb(hue, lightness, saturation)
    return round(red * 255), round(green * 255), round(blue * 255)


def text_color_on(color: Color) -> Color:
    """Return black or white, whichever has more contrast to this RGB color, by its luma (ITU-R BT.601).

    >>> text_color_on((255, 230, 0)), text_color_on((20, 40, 160))
    ((0, 0, 0), (255, 255, 255))
    """
    red, green, blue = color
    return (0, 0, 0) if 0.299 * red + 0.587 * green + 0.114 * blue > 128 else (255, 255, 255)


def rgb_copy(image: np.ndarray) -> np.ndarray:
    """Return a copy (H, W, 3) of an RGB image (H, W, 3) or a gray one (H, W) or (H, W, 1)."""
    if image.ndim == 2 or image.shape[2] == 1:
        return np.repeat(image.reshape(*image.shape[:2], 1), 3, axis=2)
    return image.copy()
