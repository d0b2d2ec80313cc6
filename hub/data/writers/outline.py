"""Convert a mask to a single polygon with the same pixels, for formats with one polygon per object."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from hub.data.annotations.masks import to_rle


def outline(
    segment: bytes,
    height: int,
    width: int,
    *,
    where: str = "a segmentation",
    as_read: Callable[[np.ndarray], np.ndarray] = lambda points: points,
) -> np.ndarray | None:
    """Return one polygon for the segmentation of one object.

    Separate parts are joined by a line of zero width that runs there and back. Under the even-odd rule, which
    pycocotools and OpenCV use, such lines enclose no area, so holes stay holes. Polygons keep their points if that
    changes no pixel; other masks are traced along the edges of their pixels.

    Args:
        segment: JSON of polygons or an RLE, see `hub.data.annotations.masks.to_rle`.
        height: height of the image in pixels.
        width: width of the image in pixels.
        where: the annotation and its file, for the message.
        as_read: how points change when they are written to a file and read again.

    Returns:
        (N, 2) float64 x y in pixels inside the image, or None if the mask has no pixel.

    Raises:
        AnnotationError: the segmentation is neither polygons nor an RLE of the size of the image.

    >>> outline(b"[[0, 0, 2, 0, 2, 2, 0, 2]]", 4, 4).tolist()
    [[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]]
    """
    rle = to_rle(segment, height, width, where=where)
    if not coco_mask.area(rle):
        return None
    value = json.loads(segment)
    if isinstance(value, list):
        parts = [np.asarray(p, np.float64).reshape(-1, 2) for p in value if len(p) >= 6 and len(p) % 2 == 0]
        inside = all((p >= 0).all() and (p <= (width, height)).all() for p in parts)
        joined = parts[0] if len(parts) == 1 else join([_clockwise(part) for part in parts])
        if inside and _covers(as_read(joined), rle):
            return joined
    return join(trace(coco_mask.decode(rle)))


def trace(mask: np.ndarray) -> list[np.ndarray]:
    """Return the pixel edges of a mask as closed polygons: outer ones clockwise, holes counterclockwise.

    Args:
        mask: (H, W) of 0 and 1.

    Returns:
        Each (N, 2) float64, x y of corners in pixels from 0.

    >>> [loop.tolist() for loop in trace(np.array([[0, 1]]))]
    [[[1.0, 0.0], [2.0, 0.0], [2.0, 1.0], [1.0, 1.0]]]
    """
    used_rows, used_columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(used_rows):
        return []
    top, left = int(used_rows[0]), int(used_columns[0])
    padded = np.pad(mask[top : used_rows[-1] + 1, left : used_columns[-1] + 1].astype(bool), 1)
    inner = padded[1:-1, 1:-1]
    follow: dict[tuple[int, int], list[tuple[int, int]]] = {}
    # Each pixel side at the border of the mask is a step between corners, with the pixel on its right.
    for beyond, start, end in (
        (padded[:-2, 1:-1], (0, 0), (1, 0)),
        (padded[1:-1, 2:], (1, 0), (1, 1)),
        (padded[2:, 1:-1], (1, 1), (0, 1)),
        (padded[1:-1, :-2], (0, 1), (0, 0)),
    ):
        rows, columns = np.nonzero(inner & ~beyond)
        for x, y in zip(columns.tolist(), rows.tolist(), strict=True):
            follow.setdefault((x + start[0], y + start[1]), []).append((x + end[0], y + end[1]))
    loops = []
    while follow:
        first = next(iter(follow))
        loop, here = [], first
        while here in follow:  # the loop ends at its start, where no steps are left
            loop.append(here)
            here = follow[here].pop()
            if not follow[loop[-1]]:
                del follow[loop[-1]]
        loops.append(_corners(np.array(loop, np.float64) + np.array([left, top])))
    return loops


def join(loops: list[np.ndarray]) -> np.ndarray:
    """Join polygons into one: each is inserted at its nearest point, by a line there and back.

    Args:
        loops: each (N, 2); at least one.

    Returns:
        (M, 2).
    """
    first, *others = sorted(loops, key=len, reverse=True)
    out = first
    for loop in others:
        distances = ((out[:, None] - loop[None]) ** 2).sum(-1)
        i, j = np.unravel_index(int(distances.argmin()), distances.shape)
        out = np.concatenate([out[: i + 1], loop[j:], loop[: j + 1], out[i:]])
    return out


def _corners(loop: np.ndarray) -> np.ndarray:
    """Remove the points on straight lines."""
    before, after = loop - np.roll(loop, 1, 0), np.roll(loop, -1, 0) - loop
    return np.asarray(loop[(before != after).any(1)])


def _clockwise(polygon: np.ndarray) -> np.ndarray:
    """Return the polygon clockwise, so that the areas of joined parts add up."""
    x, y = polygon.T
    return polygon if x @ np.roll(y, -1) >= y @ np.roll(x, -1) else polygon[::-1]


def _covers(polygon: np.ndarray, rle: dict[str, Any]) -> bool:
    """Return whether a polygon covers exactly these pixels."""
    height, width = rle["size"]
    own = coco_mask.frPyObjects([polygon.ravel().tolist()], height, width)
    return bool(coco_mask.merge(own)["counts"] == rle["counts"])
