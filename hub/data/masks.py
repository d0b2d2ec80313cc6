"""Polygons and run-length encodings, as COCO's JSON has them, to masks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from hub.errors import AnnotationError


def to_rle(segment: bytes, height: int, width: int, *, where: str = "a segmentation") -> dict[str, Any]:
    """Convert one object's segmentation to COCO's compressed RLE.

    A polygon of fewer than three points has no area and is left out; what has none left is an empty mask.

    Args:
        segment: JSON: a list of polygons ``[x0, y0, x1, y1, …]`` in pixels, or an RLE, compressed or not; or nothing.
        height: of the image in pixels.
        width: of the image in pixels.
        where: names the annotation and its file, for the message.

    Returns:
        ``{"size": [height, width], "counts": bytes}``.

    Raises:
        AnnotationError: it is neither, or an RLE of another size than the image.

    >>> rle = to_rle(b"[[0, 0, 2, 0, 2, 2, 0, 2]]", 4, 4)
    >>> int(coco_mask.area(rle))
    4
    """
    try:
        value = json.loads(segment or b"[]")
        if isinstance(value, dict):
            if value["size"] != [height, width]:
                raise ValueError(f"an RLE of height and width {value['size']} in an image of {[height, width]}")
            if isinstance(value["counts"], str):
                return {"size": [height, width], "counts": value["counts"].encode()}
            if sum(value["counts"]) != height * width:
                raise ValueError(f"the RLE's counts sum to {sum(value['counts'])}, not to {height}×{width}")
            return coco_mask.frPyObjects(value, height, width)
        polygons = [polygon for polygon in value if len(polygon) >= 6 and len(polygon) % 2 == 0]
        if not polygons:
            return coco_mask.frPyObjects({"size": [height, width], "counts": [height * width]}, height, width)
        return coco_mask.merge(coco_mask.frPyObjects(polygons, height, width))
    except Exception as error:  # pycocotools raises bare ones
        raise _bad(where, error) from None


def decode_masks(segments: Sequence[bytes], height: int, width: int, *, where: Sequence[str]) -> np.ndarray:
    """Decode the segmentations of one image's objects.

    Args:
        segments: N times JSON, as `to_rle` takes it.
        height: of the image in pixels.
        width: of the image in pixels.
        where: N names of the annotations, for the message.

    Returns:
        (N, height, width) uint8 of 0 and 1; all 0 where an object has no segmentation.

    Raises:
        AnnotationError: one is neither polygons nor an RLE of the image's size.
    """
    masks = np.zeros((len(segments), height, width), np.uint8)
    for mask, segment, name in zip(masks, segments, where, strict=True):
        rle = to_rle(segment, height, width, where=name)
        try:
            mask[...] = coco_mask.decode(rle)
        except ValueError as error:
            raise _bad(name, error) from None
    return masks


def _bad(where: str, error: Exception) -> AnnotationError:
    return AnnotationError(
        f"{where} is neither polygons nor an RLE of its image: {type(error).__name__}: {error}",
        fix="mend or remove that annotation",
    )
