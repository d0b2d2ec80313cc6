"""Reading and resizing images: the one way in for training, evaluation and prediction."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hub.errors import ImageError, PixelFormatError
from hub.image_decoding import decode

if TYPE_CHECKING:
    import numpy as np

    from hub.pixel_format import PixelFormat

__all__ = [
    "SUFFIXES",
    "ResizeRule",
    "check_image",
    "find_images",
    "read_image",
    "resize_image",
    "to_rgb",
]

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
"""The suffixes of image files, in lower case."""


@dataclass(frozen=True)
class ResizeRule:
    """The size that an image is brought to, its aspect ratio kept.

    Args:
        shortest: length that the shorter side gets, in pixels; None where images keep their size.
        longest: limit of the longer side, which wins over ``shortest``.

    >>> ResizeRule(shortest=800, longest=1333).size(480, 640)
    (800, 1067)
    >>> ResizeRule(shortest=800, longest=1333).size(400, 1200)
    (444, 1333)
    """

    shortest: int | None = 800
    longest: int = 1333

    def size(self, height: int, width: int) -> tuple[int, int]:
        """The (height, width) in pixels that an image of this height and width becomes."""
        if self.shortest is None:
            return height, width
        scale = min(self.shortest / min(height, width), self.longest / max(height, width))
        return max(1, round(height * scale)), max(1, round(width * scale))


def read_image(
    path: str | os.PathLike[str], *, in_chans: int = 3, exif: bool = True, pixels: PixelFormat | None = None
) -> np.ndarray:
    """Decode an image file.

    Args:
        path: JPEG, PNG, BMP, WebP or TIFF of 8 or 16 bits per channel or of floats. TIFF of several bands or pages, and
            of 16-bit colors, needs the optional dependency tifffile (``backbone-hub[tiff]``).
        in_chans: channels to return. 3 is RGB: gray is repeated, alpha is dropped. 1 is gray: the luminance of colors,
            alpha is dropped. 4 is RGB with alpha, 2 gray with alpha. Any number of bands, or of pages of one band, is
            returned as it is.
        exif: turn the image upright as its EXIF orientation says.
        pixels: the format that the file must have, by default uint8. Unsigned 16-bit files are float32, signed ones
            int16; see `hub.image_size.pixel_format`.

    Returns:
        (H, W, in_chans) of dtype ``pixels.dtype``. Values are those of the file, never scaled.

    Raises:
        ImageError: the file is missing, truncated, not an image, or larger than ``HUB_MAX_PIXELS``.
        PixelFormatError: its channels or its dtype are others.
        MissingRequirementError: it is a TIFF that needs tifffile.
    """
    return check_dtype(path, decode(path, in_chans=in_chans, exif=exif), pixels)


def check_dtype(path: str | os.PathLike[str], array: np.ndarray, pixels: PixelFormat | None) -> np.ndarray:
    """Return the pixels of a file, if they are of the dtype of a format, by default uint8.

    Raises:
        PixelFormatError: they are not.
    """
    wanted = "uint8" if pixels is None else pixels.dtype
    if array.dtype.name != wanted:
        raise PixelFormatError(
            f"{path} has more than 8 bits per channel and is read as {array.dtype}, but {wanted} is wanted: "
            "converting would lose values silently"
            if wanted == "uint8"
            else f"{path} is read as {array.dtype}, but {wanted} is wanted",
            fix=f"convert the file, or use a model that was trained on {array.dtype} images",
        )
    return array


def check_image(image: np.ndarray, *, in_chans: int = 3, pixels: PixelFormat | None = None) -> np.ndarray:
    """Return the array itself, if it is what `read_image` returns.

    Args:
        image: the array.
        in_chans: channels that it must have.
        pixels: format that it must have, by default uint8; uint16 is converted to float32 where that is expected.

    Raises:
        PixelFormatError: it is not (H, W, in_chans) of that dtype.
    """
    dtype = "uint8" if pixels is None else pixels.dtype
    if image.dtype.name == "uint16" and dtype == "float32":
        image = image.astype("float32")
    if image.dtype.name != dtype or image.ndim != 3 or image.shape[2] != in_chans:
        usual = "values from 0 to 255" if pixels is None else f"values of {pixels}"
        raise PixelFormatError(
            f"an array of shape {image.shape} and dtype {image.dtype} is no image for this model",
            fix=f"give (height, width, {in_chans}) {dtype} with {usual}",
        )
    return image


def resize_image(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return (H, W, C) uint8, int16 or float32 resized to ``size`` = (height, width).

    Bilinear, area-averaged when shrinking below half.
    """
    import cv2
    import numpy as np

    height, width = size
    if image.shape[:2] == (height, width):
        return image
    if image.shape[2] > 4:  # OpenCV averages areas of four channels at most
        parts = [resize_image(image[:, :, i : i + 4], size) for i in range(0, image.shape[2], 4)]
        return np.concatenate(parts, axis=2)
    shrink = min(height / image.shape[0], width / image.shape[1])
    out: np.ndarray = cv2.resize(
        image, (width, height), interpolation=cv2.INTER_AREA if shrink < 0.5 else cv2.INTER_LINEAR
    )
    return out if out.ndim == 3 else out[:, :, None]


def to_rgb(image: np.ndarray) -> np.ndarray:
    """Return any image as (H, W, 3) uint8 to draw on.

    RGB stays as it is; of another number of channels the middle one is shown in gray. Other dtypes than uint8 are
    stretched from their 1st to their 99th percentile.
    """
    import numpy as np

    channels = image.shape[2]
    shown = image if channels == 3 else image[:, :, channels // 2, None].repeat(3, axis=2)
    if shown.dtype == np.uint8:
        return shown
    low, high = np.percentile(shown, (1, 99))
    scaled = (shown.astype(np.float32) - low) * np.float32(255 / max(high - low, 1e-12))
    return np.asarray(scaled.clip(0, 255).astype(np.uint8))


def find_images(path: str | os.PathLike[str]) -> list[Path]:
    """The image files of a folder (with its subfolders) in sorted order, or the one file given.

    Raises:
        ImageError: the path does not exist, or the folder has no image.
    """
    root = Path(path)
    if root.is_file():
        return [root]
    if not root.exists():
        raise ImageError(f"{root} does not exist", fix="give an image or a folder of images")
    # Names with a dot before them are no images: macOS keeps the attributes of a.png in ._a.png.
    files = sorted(
        p for p in root.rglob("*") if p.suffix.lower() in SUFFIXES and not p.name.startswith(".") and p.is_file()
    )
    if not files:
        raise ImageError(f"{root} holds no image", fix=f"known endings: {', '.join(sorted(SUFFIXES))}")
    return files
