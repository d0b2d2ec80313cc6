"""The masks of one image's objects, stored as crops: what samples carry instead of full-size planes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class InstanceMasks:
    """Binary masks of N objects of one image, each stored as the part of its plane that holds all of its pixels.

    A mask takes as many bytes as its crop has pixels, so a hundred small objects in a large image are cheap. Nothing
    is lost: `planes` gives the full-size masks back. The class is immutable; operations return new masks.

    Attributes:
        size: (height, width) in pixels of the image.
        corners: (N, 2) int64, x and y of the first pixel of each crop.
        crops: N arrays (h, w) uint8 of 0 and 1, each inside the image; h and w are 0 for an empty mask.

    >>> masks = InstanceMasks.from_planes(np.array([[[0, 0, 0], [0, 1, 1]]]))
    >>> masks.corners.tolist(), masks.crops[0].tolist(), masks.areas.tolist()
    ([[1, 1]], [[1, 1]], [2])
    """

    size: tuple[int, int]
    corners: np.ndarray
    crops: tuple[np.ndarray, ...]

    @classmethod
    def from_planes(cls, planes: np.ndarray) -> InstanceMasks:
        """Cut each mask out of its plane.

        Args:
            planes: (N, H, W) of any dtype; what is not 0 belongs to the object.
        """
        height, width = planes.shape[1:]
        windows = [_window(plane) for plane in planes]
        return cls.from_crops((height, width), windows, [planes[i][window] != 0 for i, window in enumerate(windows)])

    @classmethod
    def from_segments(cls, segments: np.ndarray, ids: np.ndarray) -> InstanceMasks:
        """Cut the mask of each segment out of a map of ids.

        Args:
            segments: (H, W) integers, the segment of each pixel.
            ids: (N,) the segments to return.
        """
        height, width = segments.shape
        windows, crops = [], []
        for number in ids.tolist():
            plane = segments == number
            windows.append(_window(plane))
            crops.append(plane[windows[-1]])
        return cls.from_crops((height, width), windows, crops)

    @classmethod
    def from_crops(
        cls, size: tuple[int, int], windows: Sequence[tuple[slice, slice]], crops: Sequence[np.ndarray]
    ) -> InstanceMasks:
        """Build masks from crops and the rows and columns that they cover.

        Args:
            size: (height, width) of the image in pixels.
            windows: for each object its rows and its columns, inside the image.
            crops: for each object (h, w) bool, or uint8 of 0 and 1.
        """
        corners = np.array([(columns.start, rows.start) for rows, columns in windows], np.int64).reshape(-1, 2)
        return cls(size, corners, tuple(np.ascontiguousarray(crop, np.uint8) for crop in crops))

    @classmethod
    def concatenate(cls, groups: Sequence[InstanceMasks]) -> InstanceMasks:
        """Return the masks of several groups of objects of one image, in order; at least one group."""
        corners = np.concatenate([group.corners for group in groups])
        return cls(groups[0].size, corners, tuple(crop for group in groups for crop in group.crops))

    def __len__(self) -> int:
        return len(self.crops)

    def __getitem__(self, which: np.ndarray | slice) -> InstanceMasks:
        """Return the masks of some objects, selected by an (N,) bool array, by indices or by a slice."""
        rows = np.arange(len(self))[which]
        return InstanceMasks(self.size, self.corners[rows], tuple(self.crops[i] for i in rows.tolist()))

    @property
    def areas(self) -> np.ndarray:
        """(N,) int64, the number of pixels of each mask."""
        return np.array([np.count_nonzero(crop) for crop in self.crops], np.int64)

    @property
    def boxes(self) -> np.ndarray:
        """(N, 4) float32, the tight box x1 y1 x2 y2 of each mask in pixels; zeros for an empty mask."""
        out = np.zeros((len(self), 4), np.float32)
        for box, crop, corner in zip(out, self.crops, self.corners, strict=True):
            rows, columns = _window(crop)
            if rows.stop:
                box[:] = np.array([columns.start, rows.start, columns.stop, rows.stop]) + np.tile(corner, 2)
        return out

    def window(self, index: int) -> tuple[slice, slice]:
        """Return the rows and the columns of the image that the crop ``index`` covers."""
        (x, y), (height, width) = self.corners[index].tolist(), self.crops[index].shape
        return slice(y, y + height), slice(x, x + width)

    def plane(self, index: int) -> np.ndarray:
        """Return the full-size mask ``index``: (H, W) uint8 of 0 and 1."""
        out = np.zeros(self.size, np.uint8)
        out[self.window(index)] = self.crops[index]
        return out

    def planes(self) -> np.ndarray:
        """Return all full-size masks: (N, H, W) uint8 of 0 and 1."""
        out = np.zeros((len(self), *self.size), np.uint8)
        for i, plane in enumerate(out):
            plane[self.window(i)] = self.crops[i]
        return out

    def union(self) -> np.ndarray:
        """Return the pixels of any of the objects: (H, W) bool."""
        out = np.zeros(self.size, bool)
        for i, crop in enumerate(self.crops):
            out[self.window(i)] |= crop.view(bool)
        return out

    def paint(self, out: np.ndarray, values: np.ndarray, order: np.ndarray) -> None:
        """Write a value into the pixels of each object, later ones over earlier ones.

        Args:
            out: (H, W), changed in place.
            values: (N,) one per object.
            order: indices of the objects.
        """
        for i in order.tolist():
            out[self.window(i)][self.crops[i] > 0] = values[i]

    def without(self, region: np.ndarray) -> InstanceMasks:
        """Return the masks with the pixels of a region (H, W) bool removed."""
        crops = tuple(crop * ~region[self.window(i)] for i, crop in enumerate(self.crops))
        return InstanceMasks(self.size, self.corners, crops)

    def index_axes(self, rows: np.ndarray, columns: np.ndarray) -> InstanceMasks:
        """Return masks whose pixel (r, c) is the pixel (``rows[r]``, ``columns[c]``) of these.

        Nearest-neighbor resizing, flipping, cropping and padding are all of this form.

        Args:
            rows: (new H,) integers in rising or in falling order; those outside the image are 0 in the new masks.
            columns: (new W,) likewise.

        >>> mask = InstanceMasks.from_planes(np.array([[[0, 1, 1]]]))
        >>> mask.index_axes(np.array([0]), np.array([2, 1, 0, -1])).planes().tolist()
        [[[1, 1, 0, 0]]]
        """
        extents = np.array([crop.shape for crop in self.crops], np.int64).reshape(-1, 2)
        first = [_positions(index, self.corners[:, 1 - i], extents[:, i]) for i, index in enumerate((rows, columns))]
        windows, crops = [], []
        for i, crop in enumerate(self.crops):
            window = slice(*first[0][i]), slice(*first[1][i])
            x, y = self.corners[i]
            crops.append(crop[rows[window[0]] - y][:, columns[window[1]] - x])
            windows.append(window)
        return InstanceMasks.from_crops((len(rows), len(columns)), windows, crops)

    def warp(self, matrix: np.ndarray) -> InstanceMasks:
        """Return masks in which every point (x, y) has moved to ``matrix`` @ (x, y, 1), within the same image.

        Each pixel takes the value of the pixel that its center comes from; those from outside the image are 0.

        Args:
            matrix: (2, 3) in pixels, with an inverse.
        """
        height, width = self.size
        inverse = np.linalg.inv(matrix[:, :2])
        windows, crops = [], []
        for corner, crop in zip(self.corners, self.crops, strict=True):
            sides = np.array([corner, corner + crop.shape[::-1]], np.float64)
            points = np.array([(x, y) for x in sides[:, 0] for y in sides[:, 1]]) @ matrix[:, :2].T + matrix[:, 2]
            x1, y1 = np.floor(points.min(0)).astype(np.int64).clip(0, (width, height)).tolist()
            x2, y2 = np.ceil(points.max(0)).astype(np.int64).clip((x1, y1), (width, height)).tolist()
            x, y = np.arange(x1, x2) + 0.5 - matrix[0, 2], np.arange(y1, y2)[:, None] + 0.5 - matrix[1, 2]
            columns, rows = (np.floor(a * x + b * y).astype(np.int64) for a, b in inverse)
            columns, rows = columns - corner[0], rows - corner[1]
            inside = (rows >= 0) & (rows < crop.shape[0]) & (columns >= 0) & (columns < crop.shape[1])
            moved = np.zeros(inside.shape, np.uint8)
            moved[inside] = crop[rows[inside], columns[inside]]
            windows.append((slice(y1, y2), slice(x1, x2)))
            crops.append(moved)
        return InstanceMasks.from_crops(self.size, windows, crops)


def _window(plane: np.ndarray) -> tuple[slice, slice]:
    """Return the rows and columns of (H, W) that hold all nonzero values; both end at 0 if there are none."""
    rows, columns = np.flatnonzero(plane.any(1)), np.flatnonzero(plane.any(0))
    if not len(rows):
        return slice(0, 0), slice(0, 0)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _positions(index: np.ndarray, low: np.ndarray, length: np.ndarray) -> list[tuple[int, int]]:
    """Return for each object the slice of a monotonic ``index`` with values from ``low`` to below ``low + length``."""
    falling = len(index) > 0 and index[0] > index[-1]
    rising = index[::-1] if falling else index
    start, stop = np.searchsorted(rising, low), np.searchsorted(rising, low + length)
    if falling:
        start, stop = len(index) - stop, len(index) - start
    return list(zip(start.tolist(), stop.tolist(), strict=True))
