"""The one font of all pictures, and text cut to a width."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont


@lru_cache(maxsize=64)
def font(size: int) -> FreeTypeFont:
    """The font that Pillow brings, at a size in pixels; no file of the system is needed."""
    from typing import cast

    from PIL import ImageFont

    return cast("FreeTypeFont", ImageFont.load_default(size))


def shorten(text: str, letters: FreeTypeFont, width: float) -> str:
    """The text, or as much of its beginning as fits into ``width`` pixels with "…" after it.

    >>> shorten("a rather long title", font(12), 1000), shorten("a rather long title", font(12), 5)
    ('a rather long title', '…')
    """
    if letters.getlength(text) <= width:
        return text
    while text and letters.getlength(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"
