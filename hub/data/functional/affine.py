"""Affine transforms of an image and its annotations by a matrix."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import cv2
import numpy as np

from hub.contract.sample import Sample
from hub.data.functional.geometry import changed, clip, tighten
from hub.data.functional.pixel_values import by_four_channels


def affine_matrix(
    size: tuple[int, int],
    *,
    rotate: float = 0.0,
    scale: float = 1.0,
    shear: tuple[float, float] = (0.0, 0.0),
    translate: tuple[float, float] = (0.0, 0.0),
) -> np.ndarray:
    """Return the (2, 3) float64 matrix that `affine` takes: shear, scale, rotate about the center, then translate.

    Args:
        size: height and width of the image in pixels.
        rotate: angle in degrees, clockwise as the image is seen.
        scale: above 1 enlarges.
        shear: shift in x per pixel of y, and shift in y per pixel of x.
        translate: shift in x and y as fractions of width and height.

    >>> affine_matrix((10, 20), translate=(0.5, 0.0)).tolist()
    [[1.0, 0.0, 10.0], [0.0, 1.0, 0.0]]
    """
    height, width = size
    middle = np.array([width / 2, height / 2])
    cos, sin = np.cos(np.deg2rad(rotate)), np.sin(np.deg2rad(rotate))
    linear = scale * np.array([[cos, -sin], [sin, cos]]) @ np.array([[1, shear[0]], [shear[1], 1]])
    shift = middle - linear @ middle + np.array([translate[0] * width, translate[1] * height])
    return np.column_stack([linear, shift])


def affine(sample: Sample, matrix: np.ndarray, *, fill: float = 0, min_visibility: float = 0.0) -> Sample:
    """Move every point (x, y) to ``matrix`` @ (x, y, 1); the size of the image does not change.

    The image is sampled bilinearly, masks and maps by nearest neighbor. A new box encloses the four moved corners, and
    is tightened around the mask if the object has one. Pixels from outside are ``fill``, in maps "ignore".

    Args:
        sample: the sample to transform.
        matrix: (2, 3) in pixels, invertible.
        fill: value of pixels that come from outside the image.
        min_visibility: fraction of the box of the corners that must be inside the image to keep the object.
    """
    height, width = sample.image.shape[:2]
    linear, shift = matrix[:, :2], matrix[:, 2]

    def points(old: np.ndarray) -> np.ndarray:
        moved: np.ndarray = old @ linear.T + shift
        return moved

    def image(old: np.ndarray) -> np.ndarray:
        # OpenCV's integer coordinates are the centers of pixels, ours their edges.
        centered = np.column_stack([linear, shift + linear @ (0.5, 0.5) - 0.5])
        size = (width, height)
        return by_four_channels(old, lambda part: cv2.warpAffine(part, centered, size, borderValue=(fill,) * 4))

    @cache  # computed once for all maps, and only if there are maps
    def sources() -> tuple[np.ndarray, np.ndarray]:
        return _sources(matrix, (height, width))

    def plane(old: np.ndarray, value: float) -> np.ndarray:
        flat, inside = sources()
        moved = old.reshape(*old.shape[:-2], height * width).take(flat, -1)
        return np.where(inside, moved, np.array(value, old.dtype))

    new = changed(
        sample,
        matrix,
        image=image,
        boxes=lambda boxes: box_of_corners(boxes, matrix),
        points=points,
        plane=plane,
        masks=lambda masks: masks.warp(matrix),
    )
    if sample.instances is None or new.instances is None:
        return new
    whole = new.instances.boxes
    within = whole.clip(0, np.array([width, height, width, height], np.float32))
    area, left = ((b[:, 2:] - b[:, :2]).clip(0).prod(1) for b in (whole, within))
    if sample.instances.masks is None:
        moved = new.instances
    else:
        moved = tighten(new.instances, sample.instances.masks.areas > 0)
    # The visible fraction is that of the boxes of the corners: the tight box of a rotated mask is always smaller.
    moved.boxes[left < min_visibility * area] = 0
    return replace(new, instances=clip(moved, (height, width)))


def box_of_corners(boxes: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Return the boxes (N, 4) that enclose the corners of boxes, moved to ``matrix`` @ (x, y, 1)."""
    corners = boxes[:, [[0, 1], [2, 1], [2, 3], [0, 3]]].astype(np.float64) @ matrix[:, :2].T + matrix[:, 2]
    return np.concatenate([corners.min(1), corners.max(1)], 1)


def _sources(matrix: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the source of each pixel of a transformed plane: (H, W) flat indices, and whether they are inside."""
    height, width = size
    inverse = np.linalg.inv(matrix[:, :2])
    x, y = np.arange(width) + 0.5 - matrix[0, 2], np.arange(height)[:, None] + 0.5 - matrix[1, 2]
    columns, rows = (np.floor(a * x + b * y).astype(np.int64) for a, b in inverse)
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    return np.where(inside, rows * width + columns, 0), inside
