"""The size of an image from its header, for annotations that do not tell it."""

from __future__ import annotations

import os

from hub.errors import ImageError

_ORIENTATION = 0x0112  # the EXIF tag; values from 5 on swap height and width
_SIDEWAYS = (5, 6, 7, 8)


def image_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Height and width in pixels of an image turned upright as its EXIF orientation says, without decoding it.

    Raises:
        ImageError: the file is missing or no image.
    """
    from PIL import Image

    try:
        with Image.open(path) as file:
            width, height = file.size
            return (width, height) if file.getexif().get(_ORIENTATION) in _SIDEWAYS else (height, width)
    except FileNotFoundError:
        raise ImageError(f"image {path} does not exist", fix="check the data root and the file names") from None
    except Exception as error:  # as in `hub.images.read_image`: Pillow raises many kinds
        raise ImageError(f"image {path} cannot be read: {error}", fix="replace or remove the file") from None
