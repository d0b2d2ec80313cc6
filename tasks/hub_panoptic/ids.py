"""Segments as COCO stores them: a PNG whose color is the segment's id, R + 256 G + 256² B, and 0 for void.

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
        The content of a PNG file.
    """
    from PIL import Image

    file = io.BytesIO()
    colors = np.stack([segments >> shift & 255 for shift in (0, 8, 16)], axis=-1)
    Image.fromarray(colors.astype(np.uint8)).save(file, format="PNG")
    return file.getvalue()


def colors_to_ids(colors: np.ndarray) -> np.ndarray:
    """Decode colors into segment ids.

    Args:
        colors: (H, W, 3) uint8 RGB.

    Returns:
        (H, W) int32.

    >>> colors_to_ids(np.array([[[7, 1, 0], [0, 0, 2]]], np.uint8)).tolist()
    [[263, 131072]]
    """
    red, green, blue = np.moveaxis(colors.astype(np.int32), -1, 0)
    ids: np.ndarray = red | green << 8 | blue << 16
    return ids


def positions(segments: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Return for each pixel the position of its segment in a list of ids, counted from 1; 0 if it is not in the list.

    Args:
        segments: (H, W) integers.
        ids: (S,) integers without duplicates.

    Returns:
        (H, W) int64.

    >>> positions(np.array([[7, 0, 3, 9]]), np.array([7, 3])).tolist()
    [[1, 0, 2, 0]]
    """
    if not len(ids):
        return np.zeros(segments.shape, np.int64)
    order = np.argsort(ids)
    at = np.searchsorted(ids, segments, sorter=order).clip(max=len(ids) - 1)
    return np.where(ids[order][at] == segments, order[at] + 1, 0)
