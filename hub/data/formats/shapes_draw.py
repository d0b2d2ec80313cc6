"""Scenes of overlapping textured shapes, with the exact mask of the visible part of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

MIN_VISIBLE = 0.7  # a shape with a smaller visible fraction is not drawn
KEYPOINTS = ("left_end", "right_end", "top", "bottom", "centre")  # names in the files: their bytes must not change


@dataclass(frozen=True)
class Shape:
    """One shape of a scene.

    Attributes:
        kind: index into `KINDS`.
        mask: (size, size) uint8 of 0 and 1, its visible pixels.
        keypoints: (5, 3) int64 in the order of `KEYPOINTS`: column, row, and COCO's visibility: 2 if the pixel is
            visible, 1 if it is hidden (or in the hole of a ring), 0 (with zeros) outside the image.
    """

    kind: int
    mask: np.ndarray
    keypoints: np.ndarray


def draw_scene(rng: np.random.Generator, size: int, objects: int = 5) -> tuple[np.ndarray, list[Shape]]:
    """Draw shapes over a background; later shapes hide earlier ones.

    Args:
        rng: the only source of randomness.
        size: height and width in pixels; shapes are 0.2 to 0.55 of it.
        objects: maximum number of shapes; the minimum is 1.

    Returns:
        The image, (size, size, 3) uint8 RGB, and its shapes from the farthest to the nearest.
    """
    background = _surface(rng, size, _color(rng), contrast=12.0)
    margin = size // 2
    kept: list[tuple[int, np.ndarray, np.ndarray]] = []
    while not kept:
        kept = _visible([_plan(rng, size) for _ in range(int(rng.integers(1, objects + 1)))], size, margin)

    image = background
    base = background.mean((0, 1))
    shapes = []
    for kind, visible, whole in reversed(kept):
        surface = _surface(rng, size, _color(rng, unlike=base), contrast=16.0)
        image = np.where(visible[:, :, None], surface, image)
        shapes.append(Shape(kind, visible.astype(np.uint8), _keypoints(whole, visible, margin)))
    noise = rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(2, 6))
    return (image + noise).clip(0, 255).astype(np.uint8), shapes


def _visible(planned: list[tuple[int, np.ndarray]], size: int, margin: int) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """Return (kind, visible part, complete shape) of the shapes with enough visible area, nearest first."""
    # Nearest first: only shapes that are drawn can hide others.
    covered = np.zeros((size, size), bool)
    kept = []
    for kind, whole in planned:
        inside = whole[margin:-margin, margin:-margin] > 0
        visible = inside & ~covered
        if visible.sum() >= MIN_VISIBLE * whole.sum():
            covered |= inside
            kept.append((kind, visible, whole))
    return kept


def _plan(rng: np.random.Generator, size: int) -> tuple[int, np.ndarray]:
    """Return a kind and the mask of the complete shape, on a canvas with a margin of ``size // 2`` around the image."""
    kind = int(rng.integers(len(KINDS)))
    radius = rng.uniform(0.11, 0.275) * size
    center = size // 2 + rng.uniform(0.15, 0.85, 2) * size
    mask = np.zeros((size + 2 * (size // 2),) * 2, np.uint8)
    KINDS[list(KINDS)[kind]](mask, center, radius, rng.uniform(0, 2 * np.pi))
    return kind, mask


def _circle(mask: np.ndarray, center: np.ndarray, radius: float, angle: float) -> None:
    _fill(mask, _around(center, np.full(48, radius), angle))


def _ring(mask: np.ndarray, center: np.ndarray, radius: float, angle: float) -> None:
    _fill(mask, _around(center, np.full(48, radius), angle))
    _fill(mask, _around(center, np.full(48, radius * 0.5), angle), 0)


def _square(mask: np.ndarray, center: np.ndarray, radius: float, angle: float) -> None:
    _fill(mask, _around(center, np.full(4, radius), angle))


def _triangle(mask: np.ndarray, center: np.ndarray, radius: float, angle: float) -> None:
    _fill(mask, _around(center, np.full(3, radius), angle))


def _star(mask: np.ndarray, center: np.ndarray, radius: float, angle: float) -> None:
    _fill(mask, _around(center, np.tile([radius, radius * 0.45], 5), angle))


KINDS: dict[str, Callable[[np.ndarray, np.ndarray, float, float], None]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "ring": _ring,
}


def _around(center: np.ndarray, radii: np.ndarray, angle: float) -> np.ndarray:
    """Return corners at these distances, at equal angles around the center."""
    angles = angle + np.arange(len(radii)) * (2 * np.pi / len(radii))
    corners: np.ndarray = center + radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1)
    return corners


def _fill(mask: np.ndarray, corners: np.ndarray, value: int = 1) -> None:
    cv2.fillPoly(mask, [np.round(corners * 16).astype(np.int32)], value, shift=4)


def _color(rng: np.random.Generator, unlike: np.ndarray | None = None) -> np.ndarray:
    """Return a color with a Euclidean distance of at least 100 from another; such a color always exists."""
    while True:
        color = rng.uniform(30, 226, 3)
        if unlike is None or np.linalg.norm(color - unlike) >= 100:
            return color


def _surface(rng: np.random.Generator, size: int, color: np.ndarray, *, contrast: float) -> np.ndarray:
    """Return (size, size, 3) float32 of one color, modulated by stripes or smooth noise."""
    if rng.random() < 0.5:
        angle, wavelength = rng.uniform(0, np.pi), rng.uniform(6, 16)
        along = np.arange(size, dtype=np.float32) * np.float32(2 * np.pi / wavelength)
        pattern = np.sin(along * np.float32(np.cos(angle)) + along[:, None] * np.float32(np.sin(angle)))
    else:
        cells = int(rng.integers(3, 9))
        pattern = cv2.resize(rng.uniform(-1, 1, (cells, cells)).astype(np.float32), (size, size))
    strength = np.float32(contrast * rng.uniform(0.2, 1))
    textured: np.ndarray = color.astype(np.float32) + strength * pattern[:, :, None]
    return textured


def _keypoints(whole: np.ndarray, visible: np.ndarray, margin: int) -> np.ndarray:
    """Return the outermost points of the complete shape in four directions, and the center of its box."""
    rows, columns = np.nonzero(whole)
    left, right, top, bottom = columns.min(), columns.max(), rows.min(), rows.max()
    points = [(x, _middle(rows[columns == x])) for x in (left, right)]
    points += [(_middle(columns[rows == y]), y) for y in (top, bottom)]
    points.append(((left + right) // 2, (top + bottom) // 2))
    xy = np.array(points, np.int64) - margin
    inside = np.logical_and(xy >= 0, xy < len(visible)).all(axis=1, keepdims=True)
    x, y = np.where(inside, xy, 0).T
    return np.stack([x, y, np.where(visible[y, x], 2, 1)], 1) * inside


def _middle(positions: np.ndarray) -> int:
    """Return the middle position: a round shape ends in a row of pixels, whose middle is well defined."""
    return int(np.sort(positions)[len(positions) // 2])
