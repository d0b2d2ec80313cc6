"""Planes of a canonical volume in radiological display orientation: the patient's right is on the left, superior or
anterior on top."""

from __future__ import annotations

from typing import Literal

import numpy as np

from hub_medical.errors import VolumeError

Plane = Literal["axial", "coronal", "sagittal"]
AXES: dict[str, int] = {"sagittal": 0, "coronal": 1, "axial": 2}


def plane_shape(shape: tuple[int, ...], plane: Plane) -> tuple[int, int]:
    """Height and width of the planes of an RAS+ volume of this shape.

    >>> plane_shape((35, 51, 36), "axial"), plane_shape((35, 51, 36), "sagittal")
    ((51, 35), (36, 51))
    """
    columns, rows = (n for axis, n in enumerate(shape) if axis != AXES[plane])
    return rows, columns


def take_planes(array: np.ndarray, plane: Plane) -> np.ndarray:
    """All planes of an RAS+ array (I, J, K) as a view (N, H, W), N in the order of the axis.

    Raises:
        VolumeError: the array has not three axes.
    """
    if array.ndim != 3:
        raise VolumeError(f"planes of an array of shape {array.shape}", fix="give three axes")
    return np.moveaxis(array, AXES[plane], 0)[:, ::-1, ::-1].swapaxes(1, 2)


def put_planes(planes: np.ndarray, plane: Plane) -> np.ndarray:
    """The inverse of `take_planes`.

    >>> array = np.arange(24).reshape(2, 3, 4)
    >>> all((put_planes(take_planes(array, plane), plane) == array).all() for plane in AXES)
    True
    """
    return np.moveaxis(planes.swapaxes(1, 2)[:, ::-1, ::-1], 0, AXES[plane])


def neighbors(index: int, count: int, length: int) -> list[int]:
    """The ``count`` slices around one, which is in the middle; beyond an end the last slice repeats.

    Raises:
        VolumeError: ``count`` is even.

    >>> neighbors(0, 5, 10), neighbors(4, 3, 10)
    ([0, 0, 0, 1, 2], [3, 4, 5])
    """
    if count % 2 == 0:
        raise VolumeError(f"{count} slices have no middle one", fix="use an odd number, 2k + 1")
    half = count // 2
    return [min(max(i, 0), length - 1) for i in range(index - half, index + half + 1)]


def patch_start(place: int, step: int, depth: int) -> int:
    """The first slice of a patch of this depth around the ``step`` slices from ``place`` on; may lie before the volume.

    >>> patch_start(8, step=8, depth=16), patch_start(8, step=8, depth=8)
    (4, 8)
    """
    return place - (depth - step) // 2
