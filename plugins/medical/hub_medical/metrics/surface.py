"""Distances between the surfaces of two masks, in millimeters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage
from scipy.spatial import KDTree


def surface_distances(
    prediction: np.ndarray, reference: np.ndarray, spacing: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """For each surface voxel of one mask the distance to the nearest surface voxel of the other.

    A surface voxel is one of the mask with a face neighbor outside it; beyond the array is outside.

    Args:
        prediction: bool, of any number of axes; not empty.
        reference: likewise, of the same shape.
        spacing: millimeters along each axis.

    Returns:
        Distances from the prediction's surface to the reference's, and back.

    >>> one, other = np.zeros((2, 5, 5), bool)
    >>> one[2, 1] = other[2, 3] = True
    >>> [d.tolist() for d in surface_distances(one, other, (3.0, 0.5))]
    [[1.0], [1.0]]
    """
    here, there = (_surface(mask) * np.asarray(spacing, np.float64) for mask in (prediction, reference))
    return KDTree(there).query(here)[0], KDTree(here).query(there)[0]


def _surface(mask: np.ndarray) -> np.ndarray:
    """(S, axes) indices of the surface voxels."""
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    inside = np.pad(mask[box].astype(bool), 1)
    edge = inside & ~ndimage.binary_erosion(inside)
    corner = np.array([side.start for side in box])
    points: np.ndarray = np.argwhere(edge) - 1 + corner
    return points
