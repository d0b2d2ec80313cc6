"""The options that every format of image files has."""

from __future__ import annotations

from pathlib import Path

from hub.contract.options import Options
from hub.errors import ImageError
from hub.image_size import pixel_format
from hub.pixel_format import PixelFormat, ValueRange


class ImageOptions(Options):
    """Options about the pixels of image files.

    Attributes:
        value_range: the pixel values that mean 0 and 1. By default that of the files' dtype: 0 to 255 for 8 bits, 0 to
            65535 for unsigned and −32768 to 32767 for signed 16 bits, 0 to 1 for floats. Set it if the data use
            another range: [0, 4095] for 12 bits in 16-bit files, [-1024, 3071] for Hounsfield units.
    """

    value_range: ValueRange | None = None


def dataset_pixels(first: Path, value_range: ValueRange | None) -> PixelFormat:
    """Return the pixel format of a dataset, read from the header of its first image.

    An image that cannot be read counts as 8 bits; loading it reports the problem.

    Raises:
        OptionError: the range is empty.
        MissingRequirementError: the image is a TIFF that needs tifffile.
    """
    try:
        return pixel_format(first, value_range)
    except ImageError:
        return PixelFormat.of("uint8", value_range)
