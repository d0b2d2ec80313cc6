"""One colour for each class name: the same in every run, picture and dataset."""

from __future__ import annotations

import colorsys
import hashlib
from functools import lru_cache

Color = tuple[int, int, int]


@lru_cache(maxsize=4096)
def class_color(name: str) -> Color:
    """The RGB colour of a class, each of 0 to 255: saturated, neither dark nor pale.

    >>> class_color("person") == class_color("person") != class_color("dog")
    True
    """
    # Python's own hash of a string differs from run to run.
    digest = hashlib.blake2b(name.encode(), digest_size=4).digest()
    hue = int.from_bytes(digest[:2], "big") / 65536
    lightness = 0.46 + 0.16 * digest[2] / 255
    saturation = 0.75 + 0.25 * digest[3] / 255
    red, green, blue = colorsys.hls_to_rgb(hue, lightness, saturation)
    return round(red * 255), round(green * 255), round(blue * 255)


def ink_on(color: Color) -> Color:
    """Black or white, whichever reads better on this RGB colour, by its luma (ITU-R BT.601).

    >>> ink_on((255, 230, 0)), ink_on((20, 40, 160))
    ((0, 0, 0), (255, 255, 255))
    """
    red, green, blue = color
    return (0, 0, 0) if 0.299 * red + 0.587 * green + 0.114 * blue > 128 else (255, 255, 255)
