"""From one grid to another and back: reorientation, and resampling to a spacing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import nibabel as nib
import numpy as np
from pydantic import Field
from scipy import ndimage

from hub_medical.errors import GridMismatchError
from hub_medical.volumes.volume import Grid, Volume

Millimeters = Annotated[float, Field(gt=0)]
ORDERS = {"nearest": 0, "linear": 1, "cubic": 3}


def canonical_grid(grid: Grid, spacing: Sequence[float] | None = None) -> Grid:
    """The RAS+ grid over the same box, with another spacing if one is given.

    Axes are permuted and flipped to the nearest of R, A and S, not rotated, so oblique volumes stay
    oblique. With a spacing, the number of voxels is rounded and both grids keep one center.

    Args:
        grid: of the file.
        spacing: mm along R, A and S.

    >>> grid = Grid((4, 5, 6), np.diag([-2.0, 1.0, 3.0, 1.0]))
    >>> canonical_grid(grid, (1, 1, 1)).shape
    (8, 5, 18)
    """
    turn = nib.orientations.io_orientation(grid.affine)
    affine = grid.affine @ nib.orientations.inv_ornt_aff(turn, grid.shape)
    shape = np.empty(3, int)
    shape[turn[:, 0].astype(int)] = grid.shape
    if spacing is not None:
        scale = np.asarray(spacing, np.float64) / np.linalg.norm(affine[:3, :3], axis=0)
        new = np.maximum(1, np.round(shape / scale)).astype(int)
        first = (shape - 1) / 2 - scale * (new - 1) / 2
        affine = affine @ _scaling(scale, first)
        shape = new
    i, j, k = shape.tolist()
    return Grid((i, j, k), affine)


def to_grid(volume: Volume, grid: Grid, *, interpolation: str) -> Volume:
    """The volume on another grid whose axes are parallel to its own.

    Beyond the outermost voxel centers the nearest voxel counts. Turning axes alone moves voxels and computes
    nothing, so that there and back is exact; labels taken to a finer grid by "nearest" come back as they were.

    Args:
        volume: intensities or labels.
        grid: such as that of `canonical_grid`, or of the source file on the way back.
        interpolation: "nearest" keeps the dtype and is the one for labels; "linear" and "cubic" give float32.

    Raises:
        GridMismatchError: the axes are not parallel.
    """
    order = ORDERS[interpolation]
    relation = np.linalg.inv(volume.affine) @ grid.affine  # index there → index here
    axes, matrix = _parallel(relation[:3, :3], volume.name)
    scale = matrix[axes, range(3)]
    offset = relation[axes, 3]
    array = volume.array.transpose(axes)
    places = [o + s * np.arange(n) for o, s, n in zip(offset, scale, grid.shape, strict=True)]
    if order == 0 or all(np.abs(p - p.round()).max() < 1e-4 for p in places):
        # Half-way points go down on every machine: rounding noise in the affine must not choose.
        nearest = [np.ceil(p - 0.5 - 1e-6).astype(int).clip(0, n - 1) for p, n in zip(places, array.shape, strict=True)]
        moved = array[np.ix_(*nearest)]
        return Volume(moved if order == 0 else moved.astype(np.float32), grid, volume.name)
    resampled = ndimage.affine_transform(
        array.astype(np.float32), scale, offset, output_shape=grid.shape, order=order, mode="nearest"
    )
    return Volume(resampled, grid, volume.name)


def to_canonical(volume: Volume, spacing: Sequence[float] | None = None, *, interpolation: str = "linear") -> Volume:
    """The volume in RAS+, at another spacing if one is given; `restore` is the way back.

    Labels need ``interpolation="nearest"``.
    """
    return to_grid(volume, canonical_grid(volume.grid, spacing), interpolation=interpolation)


def restore(labels: Volume, source: Grid) -> Volume:
    """Labels of the canonical grid back on the grid of the source file: its shape, its affine, bit for bit.

    Raises:
        GridMismatchError: the labels are not of this source.
    """
    return to_grid(labels, source, interpolation="nearest")


def restore_scores(
    slabs: Iterable[tuple[int, Any]], axis: int, canonical: Grid, source: Grid, *, name: str = "scores"
) -> Volume:
    """From scores on a canonical grid to the best class of every voxel of the source file.

    Scores are interpolated linearly, and the best is chosen afterwards: so borders are as smooth as the source's grid
    lets them be. Where both grids have one spacing nothing is interpolated, and this equals `restore` of the best
    class. Two planes of scores are held at a time, so memory does not grow along ``axis``.

    Args:
        slabs: of each its start along ``axis`` and its scores (classes, planes, …) float32, a tensor on the CPU or an
            array, of which the spatial axes are ``axis`` and then the other two in their order; they follow each other
            without gaps.
        axis: of the canonical grid.
        canonical: what the scores lie on, see `canonical_grid`.
        source: of the file.
        name: for messages.

    Returns:
        Indices of classes, uint8: there are at most 255, as in the hub's maps.

    Raises:
        GridMismatchError: the axes are not parallel, or planes are missing.
    """
    relation = np.linalg.inv(canonical.affine) @ source.affine  # index in the source → index in the canonical grid
    axes, matrix = _parallel(relation[:3, :3], name)
    places = []  # for each canonical axis, where along it the source's voxels lie
    for here in range(3):
        there = axes.index(here)
        found = relation[here, 3] + matrix[here, there] * np.arange(source.shape[there])
        found = found.round() if np.abs(found - found.round()).max() < 1e-4 else found
        places.append(found.clip(0, canonical.shape[here] - 1))
    order = [axis, *(other for other in range(3) if other != axis)]
    along, *across = (places[here] for here in order)
    best = np.zeros([len(places[here]) for here in order], np.uint8)
    # A plane of the source is done as soon as the canonical plane at or after it has come.
    waiting = sorted(range(len(along)), key=lambda i: float(along[i]), reverse=True)
    before, count = None, 0
    for start, slab in slabs:
        if start != count:
            break
        for plane in np.asarray(slab).swapaxes(0, 1):
            now = _interpolated(_interpolated(plane, across[0], 1), across[1], 2)
            while waiting and along[waiting[-1]] <= count:
                index = waiting.pop()
                share = np.float32(count - along[index])
                mixed = now if before is None or share == 0 else now * (1 - share) + before * share
                best[index] = mixed.argmax(axis=0)
            before, count = now, count + 1
    if count != canonical.shape[axis]:
        raise GridMismatchError(
            f"{name}: {count} planes of scores, one after the other, for the {canonical.shape[axis]} of the grid",
            fix="give all planes without gaps",
        )
    return Volume(np.ascontiguousarray(best.transpose([order.index(here) for here in axes])), source, name)


def _interpolated(array: np.ndarray, places: np.ndarray, axis: int) -> np.ndarray:
    """Linear interpolation along one axis at these places, which lie within it."""
    low = np.floor(places).astype(int)
    share = (places - low).astype(np.float32)
    first: np.ndarray = array.take(low, axis)
    if not share.any():
        return first
    shape = [1] * array.ndim
    shape[axis] = -1
    share = share.reshape(shape)
    blended: np.ndarray = first * (1 - share) + array.take(np.minimum(low + 1, array.shape[axis] - 1), axis) * share
    return blended


def _parallel(rotation: np.ndarray, name: str) -> tuple[list[int], np.ndarray]:
    """For each axis there the axis here that it runs along."""
    axes = np.abs(rotation).argmax(axis=0).tolist()
    rest = rotation.copy()
    rest[axes, range(3)] = 0
    if len(set(axes)) < 3 or np.abs(rest).max() > 1e-3 * np.abs(rotation).max():
        raise GridMismatchError(
            f"{name}: the two grids are rotated against each other",
            fix="register the volumes first; this resampling turns and scales axes only",
        )
    return axes, rotation


def _scaling(scale: np.ndarray, offset: np.ndarray) -> np.ndarray:
    matrix = np.diag([*scale, 1.0])
    matrix[:3, 3] = offset
    return matrix
