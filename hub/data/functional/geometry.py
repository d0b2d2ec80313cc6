"""Geometric functions on an image and its annotations: each takes a sample and returns a new one.

Coordinates are continuous: the first pixel of a row covers x from 0 to 1, and an image of width W ends at x = W.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np

from hub.contract.instance_masks import InstanceMasks
from hub.contract.sample import Instances, Sample
from hub.contract.targets import IGNORE
from hub.images import resize_image


def resize(sample: Sample, size: tuple[int, int]) -> Sample:
    """Resize to ``size`` = (height, width).

    The image is resized by `hub.images.resize_image`, as in prediction; masks and maps by nearest neighbor.
    """
    height, width = size
    if sample.image.shape[:2] == (height, width):
        return sample
    scale = np.array([width / sample.image.shape[1], height / sample.image.shape[0]], np.float32)
    rows, columns = (_nearest(old, new) for old, new in zip(sample.image.shape[:2], size, strict=True))
    return changed(
        sample,
        np.array([[scale[0], 0, 0], [0, scale[1], 0]], np.float64),
        image=lambda image: resize_image(image, size),
        boxes=lambda boxes: boxes * np.tile(scale, 2),
        points=lambda points: points * scale,
        plane=lambda plane, fill: plane.take(rows, -2).take(columns, -1),
        masks=lambda masks: masks.index_axes(rows, columns),
    )


def mirror(sample: Sample, *, vertical: bool = False, keypoint_order: np.ndarray | None = None) -> Sample:
    """Flip horizontally, or vertically.

    Args:
        sample: the sample to flip.
        vertical: swap top and bottom instead of left and right.
        keypoint_order: (K,) the order of keypoints in a flipped image; see `mirrored_order`.
    """
    axis = 1 if vertical else 0
    side = sample.image.shape[1 - axis]

    def boxes(old: np.ndarray) -> np.ndarray:
        new = old.copy()
        new[:, axis], new[:, axis + 2] = side - old[:, axis + 2], side - old[:, axis]
        return new

    def points(old: np.ndarray) -> np.ndarray:
        new = old.copy()
        new[..., axis] = side - old[..., axis]
        return new

    height, width = sample.image.shape[:2]
    rows, columns = np.arange(height), np.arange(width)
    new = changed(
        sample,
        np.array([[1, 0, 0], [0, -1, height]] if vertical else [[-1, 0, width], [0, 1, 0]], np.float64),
        image=lambda image: cv2.flip(image, 1 - axis).reshape(image.shape),  # cv2 drops a channel axis of size 1
        boxes=boxes,
        points=points,
        plane=lambda plane, fill: np.ascontiguousarray(np.flip(plane, -1 - axis)),
        masks=lambda masks: masks.index_axes(*((rows[::-1], columns) if vertical else (rows, columns[::-1]))),
    )
    if keypoint_order is not None and new.instances is not None and new.instances.keypoints is not None:
        reordered = np.ascontiguousarray(new.instances.keypoints[:, keypoint_order])
        new = replace(new, instances=replace(new.instances, keypoints=reordered))
    return new


def crop(sample: Sample, top: int, left: int, size: tuple[int, int], *, min_visibility: float = 0.0) -> Sample:
    """Crop the window of ``size`` = (height, width) with its top left corner at (top, left), inside the image.

    Boxes are clipped, and tightened around the rest of the mask if the object has one. Objects are removed if less than
    one pixel, or less than ``min_visibility`` of the box, is left.
    """
    height, width = size
    corner = np.array([left, top], np.float32)

    def boxes(old: np.ndarray) -> np.ndarray:
        return old - np.tile(corner, 2)

    new = changed(
        sample,
        np.array([[1, 0, -left], [0, 1, -top]], np.float64),
        image=lambda image: np.ascontiguousarray(image[top : top + height, left : left + width]),
        boxes=boxes,
        points=lambda points: points - corner,
        plane=lambda plane, fill: np.ascontiguousarray(plane[..., top : top + height, left : left + width]),
        masks=lambda masks: masks.index_axes(np.arange(top, top + height), np.arange(left, left + width)),
    )
    if sample.instances is None or new.instances is None:
        return new
    uncut = new.instances.boxes
    tightened = new.instances
    if sample.instances.masks is not None and tightened.masks is not None:
        cut = tightened.masks.areas < sample.instances.masks.areas
        tightened = tighten(tightened, cut)  # objects that are not cut keep their exact boxes
    return replace(new, instances=clip(tightened, size, min_visibility=min_visibility, uncut=uncut))


def pad(sample: Sample, size: tuple[int, int], *, top: int = 0, left: int = 0, fill: float = 0) -> Sample:
    """Add pixels of the value ``fill`` up to ``size`` = (height, width): ``top`` rows above, ``left`` columns before.

    The rest is added at the bottom and the right. Maps get their "ignore": 255 in integer ones, NaN in floats.
    """
    down = max(0, size[0] - top - sample.image.shape[0])
    right = max(0, size[1] - left - sample.image.shape[1])
    if not (top or left or down or right):
        return sample
    sides = [(top, down), (left, right)]
    corner = np.array([left, top], np.float32)

    def planes(plane: np.ndarray, value: float) -> np.ndarray:
        return np.pad(plane, [(0, 0)] * (plane.ndim - 2) + sides, constant_values=value)

    height, width = sample.image.shape[:2]
    return changed(
        sample,
        np.array([[1, 0, left], [0, 1, top]], np.float64),
        image=lambda image: np.pad(image, [*sides, (0, 0)], constant_values=fill),
        boxes=lambda boxes: boxes + np.tile(corner, 2),
        points=lambda points: points + corner,
        plane=planes,
        masks=lambda masks: masks.index_axes(np.arange(-top, height + down), np.arange(-left, width + right)),
    )


def clip(
    instances: Instances,
    size: tuple[int, int],
    *,
    min_visibility: float = 0.0,
    uncut: np.ndarray | None = None,
) -> Instances:
    """Clip objects to an image of ``size`` = (height, width).

    Args:
        instances: objects, some of them partly outside.
        size: size of the image.
        min_visibility: fraction of the box's area that must be left to keep the object.
        uncut: (N, 4) the boxes of the complete objects, by default those of ``instances``.

    Returns:
        The objects with clipped boxes, without those narrower or lower than one pixel. Keypoints outside the image
        become zeros: not labeled.
    """
    height, width = size
    whole = instances.boxes if uncut is None else uncut
    boxes = instances.boxes.clip(0, np.array([width, height, width, height], np.float32))
    sides = boxes[:, 2:] - boxes[:, :2]
    area = (whole[:, 2:] - whole[:, :2]).clip(0).prod(1)
    keep = (sides >= 1).all(1) & (sides.prod(1) >= min_visibility * area)
    keypoints = instances.keypoints
    if keypoints is not None:
        x, y = keypoints[..., 0], keypoints[..., 1]
        inside = (x >= 0) & (y >= 0) & (x <= width) & (y <= height) & (keypoints[..., 2] > 0)
        keypoints = np.where(inside[..., None], keypoints, 0)
    return replace(instances, boxes=boxes, keypoints=keypoints).select(keep)


def mirrored_order(names: Sequence[str]) -> np.ndarray | None:
    """Return the order of keypoints after a flip, with ``left_x`` and ``right_x`` swapped; None without such pairs.

    >>> mirrored_order(["nose", "left_eye", "right_eye"]).tolist()
    [0, 2, 1]
    """
    other = {"left_": "right_", "right_": "left_"}
    index = {name: i for i, name in enumerate(names)}
    order = list(range(len(names)))
    for i, name in enumerate(names):
        for side, opposite in other.items():
            if name.startswith(side):
                order[i] = index.get(opposite + name[len(side) :], i)
    return None if order == sorted(order) else np.array(order)


def tighten(instances: Instances, which: np.ndarray) -> Instances:
    """Shrink boxes to the rest of their masks; the box of an empty mask becomes zeros, which `clip` removes.

    Args:
        instances: objects with masks.
        which: (N,) bool, the objects to change.
    """
    assert instances.masks is not None
    around = instances.masks.boxes
    cut = np.concatenate(
        [np.maximum(instances.boxes[:, :2], around[:, :2]), np.minimum(instances.boxes[:, 2:], around[:, 2:])], axis=1
    )
    cut[~around.any(1)] = 0  # nothing of the object is left, although a corner of its box may be left
    return replace(instances, boxes=np.where(which[:, None], cut, instances.boxes))


def box_around(mask: np.ndarray) -> np.ndarray:
    """Return the box around the nonzero values of (H, W), (4,) float32; zeros if there are none.

    >>> box_around(np.array([[0, 0, 0], [0, 1, 1]])).tolist()
    [1.0, 1.0, 3.0, 2.0]
    """
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return np.zeros(4, np.float32)
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)


def _nearest(old: int, new: int) -> np.ndarray:
    """Return for each of ``new`` pixels along an axis the one of ``old`` pixels that contains its center."""
    return (2 * np.arange(new) + 1) * old // (2 * new)


def changed(
    sample: Sample,
    matrix: np.ndarray,
    *,
    image: Callable[[np.ndarray], np.ndarray],
    boxes: Callable[[np.ndarray], np.ndarray],
    points: Callable[[np.ndarray], np.ndarray],
    plane: Callable[[np.ndarray, float], np.ndarray],
    masks: Callable[[InstanceMasks], InstanceMasks],
) -> Sample:
    """Apply a function to each part of a sample.

    Args:
        sample: the sample to change.
        matrix: (2, 3) float64; every point (x, y) moves to ``matrix`` @ (x, y, 1). The fields of objects are moved
            by the rule that each declares.
        image, boxes, points, masks: functions that return the new values of each.
        plane: function of a map (…, H, W) and the value of pixels from outside; returns the new map.
    """
    instances = sample.instances
    if instances is not None:
        keypoints = instances.keypoints
        if keypoints is not None:
            moved = points(keypoints[..., :2])
            keypoints = np.concatenate([moved, keypoints[..., 2:]], -1).astype(np.float32)
        instances = replace(
            instances,
            boxes=boxes(instances.boxes).astype(np.float32),
            masks=None if instances.masks is None else masks(instances.masks),
            keypoints=keypoints,
            fields={name: values.moved(matrix) for name, values in instances.fields.items()},
        )
    maps = {
        name: plane(values, IGNORE if np.issubdtype(values.dtype, np.integer) else np.nan)
        for name, values in sample.maps.items()
    }
    return replace(sample, image=image(sample.image), instances=instances, maps=maps)
