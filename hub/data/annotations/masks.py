"""Decode the polygons and run-length encodings (RLE) of COCO's JSON to masks.

pycocotools decodes them, but does not check its input: a point that is NaN or far away uses up all memory, and a
truncated RLE decodes to uninitialized memory. So both are checked first.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from hub.contract.instance_masks import InstanceMasks
from hub.errors import AnnotationError


def to_rle(segment: bytes, height: int, width: int, *, where: str = "a segmentation") -> dict[str, Any]:
    """Convert one object's segmentation to COCO's compressed RLE.

    Polygons of fewer than three points have no area and are left out; without any polygon the mask is empty.

    Args:
        segment: JSON: a list of polygons ``[x0, y0, x1, y1, …]`` in pixels, or an RLE, compressed or not; or empty.
        height: height of the image in pixels.
        width: width of the image in pixels.
        where: name of the annotation and its file, for the message.

    Returns:
        ``{"size": [height, width], "counts": bytes}``.

    Raises:
        AnnotationError: it is neither, or does not fit the image.

    >>> rle = to_rle(b"[[0, 0, 2, 0, 2, 2, 0, 2]]", 4, 4)
    >>> int(coco_mask.area(rle))
    4
    """
    try:
        value = json.loads(segment or b"[]")
        return _from_rle(value, height, width) if isinstance(value, dict) else _from_polygons(value, height, width)
    except (ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
        raise AnnotationError(
            f"{where} is neither polygons nor an RLE of its image: {type(error).__name__}: {error}",
            fix="correct or remove that annotation",
        ) from None


def decode_masks(segments: Sequence[bytes], height: int, width: int, *, where: Sequence[str]) -> InstanceMasks:
    """Decode the segmentations of one image's objects.

    Args:
        segments: N JSON texts, see `to_rle`.
        height: height of the image in pixels.
        width: width of the image in pixels.
        where: N names of the annotations, for the message.

    Returns:
        N masks; empty where an object has no segmentation.

    Raises:
        AnnotationError: one is neither polygons nor an RLE of the image's size.
    """
    windows, crops = [], []
    for segment, name in zip(segments, where, strict=True):
        rle = to_rle(segment, height, width, where=name)
        x, y, across, down = (int(v) for v in coco_mask.toBbox(rle))
        window = slice(y, y + down), slice(x, x + across)
        crops.append(coco_mask.decode(rle)[window] if across and down else np.zeros((0, 0), np.uint8))
        windows.append(window)
    return InstanceMasks.from_crops((height, width), windows, crops)


def _from_polygons(polygons: list[list[float]], height: int, width: int) -> dict[str, Any]:
    points = [np.asarray(polygon, np.float64) for polygon in polygons]
    if any(p.ndim != 1 for p in points):
        raise ValueError("a polygon is a list of numbers")
    points = [p for p in points if len(p) >= 6 and len(p) % 2 == 0]
    if not points:
        empty: dict[str, Any] = coco_mask.frPyObjects(
            {"size": [height, width], "counts": [height * width]}, height, width
        )
        return empty
    furthest = 10 * max(height, width)
    if not all((np.abs(p) <= furthest).all() for p in points):
        raise ValueError(f"a point is not finite, or far outside the image of {height}×{width}")
    merged: dict[str, Any] = coco_mask.merge(coco_mask.frPyObjects([p.tolist() for p in points], height, width))
    return merged


def _from_rle(rle: dict[str, Any], height: int, width: int) -> dict[str, Any]:
    if list(rle["size"]) != [height, width]:
        raise ValueError(f"its size is {rle['size']}, the image's {[height, width]}")
    counts = _runs(rle["counts"]) if isinstance(rle["counts"], str) else rle["counts"]
    if min(counts, default=0) < 0 or sum(counts) != height * width:
        raise ValueError(f"its runs sum to {sum(counts)} pixels, the image has {height * width}")
    encoded: dict[str, Any] = coco_mask.frPyObjects({"size": [height, width], "counts": counts}, height, width)
    return encoded


def _runs(counts: str) -> list[int]:
    """Return the run lengths of a compressed RLE.

    Each is a signed number in groups of five bits, lowest first, as characters from "0"; bit 0x20 means that more
    follow. From the fourth on it is the difference to the run two before (pycocotools' ``rleFrString``).
    """
    runs: list[int] = []
    value = shift = 0
    for character in counts.encode():
        group = character - 48
        value |= (group & 0x1F) << shift
        shift += 5
        if group & 0x20:
            continue
        if group & 0x10:  # the sign
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    return runs
