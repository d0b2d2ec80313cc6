"""What the header of an image file tells: its size and its pixel format, without decoding it."""

from __future__ import annotations

import os

from hub import tiff
from hub.image_decoding import is_deep, opened
from hub.pixel_format import PixelDtype, PixelFormat, ValueRange

__all__ = [
    "image_size",
    "pixel_format",
]

_ORIENTATION = 0x0112  # the EXIF tag; values from 5 on swap height and width
_SIDEWAYS = (5, 6, 7, 8)


def image_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Return height and width in pixels of an image turned upright as its EXIF orientation says.

    Raises:
        ImageError: the file is missing or not an image.
        MissingRequirementError: it is a TIFF that needs tifffile.
    """
    with opened(path) as file:
        if file is None:
            return tiff.tiff_shape(path)[:2]
        width, height = file.size
        return (width, height) if file.getexif().get(_ORIENTATION) in _SIDEWAYS else (height, width)


def pixel_format(path: str | os.PathLike[str], value_range: ValueRange | None = None) -> PixelFormat:
    """Return the format of the pixels that `hub.images.read_image` reads from a file.

    Files of 8 bits are uint8 of 0 to 255. Unsigned 16-bit files are float32 of 0 to 65535, signed ones int16 of
    −32768 to 32767, float files float32 of 0 to 1.

    Args:
        path: the file.
        value_range: the pixel values that mean 0 and 1, where they are not those of the dtype: 12-bit data in a
            16-bit file are 0 to 4095.

    Raises:
        ImageError, MissingRequirementError: see `image_size`.
        OptionError: the range is empty.
    """
    with opened(path) as file:
        if file is None:
            stored = tiff.tiff_shape(path)[3]
        elif not is_deep(file):
            stored = "uint8"
        elif file.mode == "F":
            stored = "float32"
        else:
            stored = "int16" if 2 in tuple(getattr(file, "tag_v2", {}).get(339, ())) else "uint16"
    dtype: PixelDtype = "uint8" if stored in ("uint8", "bool") else "int16" if stored == "int16" else "float32"
    usual = (0.0, 65535.0) if stored == "uint16" else None
    return PixelFormat.of(dtype, usual if value_range is None else value_range)
