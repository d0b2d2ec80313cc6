"""Conversion of pixel values of any dtype to units of their range, for photometric transforms.

``unit = (pixel − low) / (high − low)``, where (low, high) is `hub.pixel_format.PixelFormat.value_range`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hub.pixel_format import PixelFormat


def to_unit(image: np.ndarray, pixels: PixelFormat) -> np.ndarray:
    """Return an image as float32 in units of its range, clipped to 0 to 1.

    >>> to_unit(np.array([-1024, 1024, 4000], np.int16), PixelFormat("int16", (-1024.0, 3072.0))).tolist()
    [0.0, 0.5, 1.0]
    """
    unit = (image.astype(np.float32) - np.float32(pixels.value_range[0])) * np.float32(1 / pixels.span)
    return unit.clip(0, 1)


def from_unit(unit: np.ndarray, pixels: PixelFormat) -> np.ndarray:
    """Return the pixel values for values from 0 to 1; integers are rounded.

    >>> from_unit(np.array([0.0, 0.5, 1.0]), PixelFormat()).tolist()
    [0, 128, 255]
    """
    values = unit * pixels.span + pixels.value_range[0]
    if pixels.dtype == "float32":
        return values.astype(np.float32)
    limits = np.iinfo(pixels.dtype)
    return np.rint(values).clip(limits.min, limits.max).astype(pixels.dtype)


def fill_value(unit: float, pixels: PixelFormat) -> float:
    """Return the pixel value at a fraction of the range, such as 128 for 0.5 of 0 to 255."""
    return float(from_unit(np.array(unit), pixels))


def in_units(image: np.ndarray, pixels: PixelFormat, change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Apply a function of uint8 images, or of float32 images from 0 to 1, to an image of any dtype.

    uint8 images are passed unchanged; others in units of their range, clipped to 0 to 1.

    Raises:
        ValueError: the function changes the dtype.
    """
    whole = image if pixels.dtype == "uint8" else to_unit(image, pixels)
    new = change(whole)
    if new.dtype != whole.dtype:
        raise ValueError(f"it returns {new.dtype} for {whole.dtype}")
    return new if pixels.dtype == "uint8" else from_unit(new, pixels)


def by_four_channels(image: np.ndarray, change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Apply a function to (H, W, C) in groups of at most four channels, the limit of some OpenCV functions.

    Args:
        image: (H, W, C).
        change: takes and returns (H, W, c); OpenCV may drop an axis of one channel.
    """
    if image.shape[2] <= 4:
        new = change(image)
        return new if new.ndim == 3 else new[:, :, None]
    parts = [
        by_four_channels(np.ascontiguousarray(image[:, :, i : i + 4]), change) for i in range(0, image.shape[2], 4)
    ]
    return np.concatenate(parts, axis=2)
