"""The source of each pixel of a warped image, a representation of any warp."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

_STRAIGHT = 0.06  # tolerance of an affine fit in pixels: OpenCV rounds sources to 1/32 of a pixel
_SAMPLES = 20_000  # number of pixels used to fit a matrix
_COARSE = 64  # side of the grid for the coarse search of points


def coordinate_planes(size: tuple[int, int]) -> np.ndarray:
    """Return (H, W, 3) float32: x and y of the center of each pixel, and 1.

    A warp is measured by applying it to these, with linear interpolation and 0 outside; see `SourceMap.of`.
    """
    height, width = size
    planes = np.ones((height, width, 3), np.float32)
    planes[..., 0] = np.arange(width) + 0.5
    planes[..., 1] = np.arange(height)[:, None] + 0.5
    return planes


@dataclass(frozen=True)
class SourceMap:
    """The source of each pixel (h, w) of a warped image.

    Attributes:
        x: (h, w) float64, in pixels of the source; the first pixel covers 0 to 1.
        y: (h, w) float64.
        inside: (h, w) bool, False where the pixel comes from outside the source; x and y are undefined there.
        size: height and width of the source.
    """

    x: np.ndarray
    y: np.ndarray
    inside: np.ndarray
    size: tuple[int, int]

    @classmethod
    def of(cls, planes: np.ndarray, size: tuple[int, int]) -> SourceMap:
        """Return the map of warped `coordinate_planes` of a source of ``size`` = (height, width)."""
        weight = planes[..., 2].astype(np.float64)
        inside = weight >= 0.5  # pixels at a border are blended with the outside: divide by the weight of the inside
        divisor = np.where(inside, weight, 1)
        return cls(planes[..., 0] / divisor, planes[..., 1] / divisor, inside, size)

    @property
    def identity(self) -> bool:
        """Whether nothing moves."""
        if self.x.shape != self.size or not self.inside.all():
            return False
        planes = coordinate_planes(self.size)
        return bool(np.array_equal(self.x, planes[..., 0]) and np.array_equal(self.y, planes[..., 1]))

    @cached_property
    def indices(self) -> np.ndarray:
        """(h, w) int64, the flat index of the source pixel that contains each pixel's source; 0 outside."""
        height, width = self.size
        columns = np.floor(self.x).astype(np.int64).clip(0, width - 1)
        rows = np.floor(self.y).astype(np.int64).clip(0, height - 1)
        return np.where(self.inside, rows * width + columns, 0)

    @cached_property
    def matrix(self) -> np.ndarray | None:
        """(2, 3) float64, where every source point (x, y) moves to ``matrix`` @ (x, y, 1); None for other warps."""
        height, width = self.size
        # Some interpolations clamp sources at the border.
        inner = self.inside & (self.x >= 1) & (self.y >= 1) & (self.x <= width - 1) & (self.y <= height - 1)
        where = np.flatnonzero(inner)
        where = where[:: max(1, len(where) // _SAMPLES)]
        rows, columns = np.divmod(where, self.x.shape[1])
        targets = np.column_stack([columns + 0.5, rows + 0.5, np.ones(len(where))])
        sources = np.column_stack([self.x.ravel()[where], self.y.ravel()[where]])
        if len(where) < 3 or np.linalg.matrix_rank(targets) < 3:
            return None
        backward = np.linalg.lstsq(targets, sources, rcond=None)[0].T
        if np.abs(targets @ backward.T - sources).max() > _STRAIGHT or abs(np.linalg.det(backward[:, :2])) < 1e-9:
            return None
        linear = np.linalg.inv(backward[:, :2])
        return np.column_stack([linear, -linear @ backward[:, 2]]).round(9) + 0.0

    @cached_property
    def areas(self) -> np.ndarray:
        """(h, w) float64, the area in source pixels that each pixel covers; 0 outside."""
        (a, b), (c, d) = self.jacobian
        return np.where(self.inside, np.abs(a * d - b * c), 0)

    @cached_property
    def jacobian(self) -> np.ndarray:
        """(2, 2, h, w): how source x and y change with each pixel's x and y."""

        def slopes(plane: np.ndarray) -> list[np.ndarray]:
            return [np.gradient(plane, axis=axis) if plane.shape[axis] > 1 else np.ones_like(plane) for axis in (1, 0)]

        return np.stack([np.stack(slopes(self.x)), np.stack(slopes(self.y))])

    def find(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return where points of the source are in the warped image.

        Args:
            points: (M, 2) x and y in pixels of the source.

        Returns:
            (M, 2) float64 x and y, and (M,) bool, False for points that are not in the warped image; for these, x
            and y are the nearest position.
        """
        if not len(points) or not self.inside.any():
            return np.zeros((len(points), 2)), np.zeros(len(points), bool)
        height, width = self.x.shape
        step = max(1, max(height, width) // _COARSE)
        places = np.concatenate([self._nearest(part, step) for part in np.array_split(points, 1 + len(points) // 512)])
        rows, columns = places.T
        found = np.stack([columns + 0.5, rows + 0.5], axis=1)
        missing = points - np.stack([self.x[rows, columns], self.y[rows, columns]], axis=1)
        local = self.jacobian[:, :, rows, columns].transpose(2, 0, 1)
        scale = np.linalg.norm(local, axis=(1, 2)).clip(0.1, 4)
        present = np.linalg.norm(missing, axis=1) <= 1.5 * scale
        regular = np.abs(np.linalg.det(local)) > 1e-3
        local[~regular] = np.eye(2)
        shift = np.linalg.solve(local, missing[:, :, None])[:, :, 0]
        small = present & regular & (np.abs(shift) <= 1).all(1)
        return np.where(small[:, None], found + shift, found), present

    def _nearest(self, points: np.ndarray, step: int) -> np.ndarray:
        """(M, 2) row and column of the pixel whose source is nearest to each point: coarse first, then fine."""
        height, width = self.x.shape
        x, y = (np.where(self.inside, plane, np.inf) for plane in (self.x, self.y))
        rows, columns = (grid.ravel() for grid in np.mgrid[0:height:step, 0:width:step])
        usable = self.inside[rows, columns]
        if not usable.any():
            rows, columns = np.nonzero(self.inside)
            usable = np.ones(len(rows), bool)
        rows, columns = rows[usable], columns[usable]
        offsets = np.arange(-step, step + 1)
        out = np.empty((len(points), 2), np.int64)
        coarse = (x[rows, columns] - points[:, :1]) ** 2 + (y[rows, columns] - points[:, 1:]) ** 2
        for number, best in enumerate(coarse.argmin(1)):
            near_rows = (rows[best] + offsets).clip(0, height - 1)[:, None]
            near_columns = (columns[best] + offsets).clip(0, width - 1)
            distance = (x[near_rows, near_columns] - points[number, 0]) ** 2
            distance = distance + (y[near_rows, near_columns] - points[number, 1]) ** 2
            i, j = np.unravel_index(int(distance.argmin()), distance.shape)
            out[number] = near_rows[i, 0], near_columns[j]
        return out
