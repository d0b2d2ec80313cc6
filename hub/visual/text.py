"""The font of all drawings, and text shortened to a width."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont


@lru_cache(maxsize=64)
def font(size: int) -> FreeTypeFont:
    """Return Pillow's built-in font at a size in pixels; no font needs to be installed."""
    from typing import cast

    from PIL import ImageFont

    return cast("FreeTypeFont", ImageFont.load_default(size))


def shorten(text: str, letters: FreeTypeFont, width: float) -> str:
    """Return the text, or if it is wider than ``width`` pixels, a beginning of it that fits with "…".

    >>> shorten("a rather long title", font(12), 1000), shorten("a rather long title", font(12), 5)
    ('a rather long title', '…')
    """
    if letters.getlength(text) <= width:
        return text
    while text and letters.getlength(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"
