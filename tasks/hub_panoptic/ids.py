"""Segments as COCO stores them: a PNG whose colour is the segment's id, R + 256 G + 256² B, and 0 where there is none.

See https://cocodataset.org/#format-data.
"""

from __future__ import annotations

import io

import numpy as np

VOID = 0


def ids_to_png(segments: np.ndarray) -> bytes:
    """Encode a map of segments.

    Args:
        segments: (H, W) integers from 0 to 256³ − 1.

    Returns:
        A PNG file.
    """
    from PIL import Image

    file = io.BytesIO()
    colours = np.stack([segments >> shift & 255 for shift in (0, 8, 16)], axis=-1)
    Image.fromarray(colours.astype(np.uint8)).save(file, format="PNG")
    return file.getvalue()


def colours_to_ids(colours: np.ndarray) -> np.ndarray:
    """The ids that colours stand for.

    Args:
        colours: (H, W, 3) uint8 RGB.

    Returns:
        (H, W) int32.

    >>> colours_to_ids(np.array([[[7, 1, 0], [0, 0, 2]]], np.uint8)).tolist()
    [[263, 131072]]
    """
    red, green, blue = np.moveaxis(colours.astype(np.int32), -1, 0)
    numbers: np.ndarray = red | green << 8 | blue << 16
    return numbers


def places(segments: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """For each pixel the place of its segment in a list of ids, counted from 1; 0 where it is not in the list.

    Args:
        segments: (H, W) integers.
        ids: (S,) integers, each once.

    Returns:
        (H, W) int64.

    >>> places(np.array([[7, 0, 3, 9]]), np.array([7, 3])).tolist()
    [[1, 0, 2, 0]]
    """
    if not len(ids):
        return np.zeros(segments.shape, np.int64)
    order = np.argsort(ids)
    at = np.searchsorted(ids, segments, sorter=order).clip(max=len(ids) - 1)
    return np.where(ids[order][at] == segments, order[at] + 1, 0)
