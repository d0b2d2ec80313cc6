"""Where the slices of a DICOM series lie: from positions and directions, never from names or numbers.

Reference: DICOM PS3.3, C.7.6.2 (image plane).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hub_medical.errors import (
    DicomError,
    DuplicateSliceError,
    GantryTiltError,
    MissingSliceError,
    MixedSeriesError,
    SeveralVolumesError,
    UnevenSlicesError,
)

GAP = 1.5  # times the usual interval, or the slice thickness: more means that a slice is missing
UNEVEN = 0.1  # of the interval: how far a slice may lie from the even line


@dataclass(frozen=True)
class Planes:
    """Parallel planes of one size, as their headers describe them.

    Attributes:
        place: file or folder, for messages.
        names: of the planes, for messages.
        orientations: (n, 6), the direction cosines of rows and columns in LPS.
        positions: (n, 3), the center of the first pixel in mm, LPS.
        spacings: (n, 2), mm between rows and between columns.
        thickness, between: SliceThickness and SpacingBetweenSlices in mm, or None.
    """

    place: Path
    names: Sequence[str]
    orientations: np.ndarray
    positions: np.ndarray
    spacings: np.ndarray
    thickness: float | None
    between: float | None


def arrange(planes: Planes, *, gaps: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Order planes along their common normal.

    Args:
        planes: of one series.
        gaps: allow even gaps between thin slices.

    Returns:
        (n,) the order, and the affine (4, 4) from (column, row, slice) to mm in LPS.

    Raises:
        MixedSeriesError: directions or pixel spacings differ.
        SeveralVolumesError: each position occurs several times.
        DuplicateSliceError, MissingSliceError, UnevenSlicesError, GantryTiltError: as the names state.
        DicomError: one plane of unknown thickness.
    """
    for what, values in (("ImageOrientationPatient", planes.orientations), ("PixelSpacing", planes.spacings)):
        if np.ptp(values, axis=0).max() > 1e-4:
            raise MixedSeriesError(
                f"{planes.place}: the images of the series differ in {what}", fix="leave out localizers and reformats"
            )
    row, column = planes.orientations[0].reshape(2, 3)
    normal = np.cross(row, column)
    if abs(float(np.linalg.norm(normal)) - 1) > 1e-2:
        raise DicomError(
            f"{planes.place}: ImageOrientationPatient holds no two perpendicular directions", fix="correct the header"
        )
    depth = planes.positions @ normal
    order = np.argsort(depth, kind="stable")
    step = _step(planes, order, depth, normal, gaps=gaps)
    affine = np.eye(4)
    affine[:3, 0] = row * planes.spacings[0, 1]
    affine[:3, 1] = column * planes.spacings[0, 0]
    affine[:3, 2] = step
    affine[:3, 3] = planes.positions[order[0]]
    return order, affine


def _step(planes: Planes, order: np.ndarray, depth: np.ndarray, normal: np.ndarray, *, gaps: bool) -> np.ndarray:
    """The vector in mm from slice to slice."""
    if len(order) == 1:
        thickness = planes.between or planes.thickness
        if thickness is None:
            raise DicomError(
                f"{planes.place}: one image without SliceThickness makes no volume",
                fix="give all slices of the series",
            )
        return np.asarray(thickness * normal)
    names = [planes.names[i] for i in order]
    positions, steps = planes.positions[order], np.diff(depth[order])
    _check_distinct(planes, names, steps)
    usual = float(np.median(steps))
    far = int(steps.argmax())
    if steps[far] > GAP * usual:
        raise MissingSliceError(
            f"{planes.place}: {names[far + 1]} follows {names[far]} at {steps[far]:.3g} mm, "
            f"where other slices are {usual:.3g} mm apart",
            fix="fetch the missing slices",
        )
    step = (positions[-1] - positions[0]) / (len(order) - 1)
    along = float(step @ normal)
    sideways = np.linalg.norm(step - along * normal)
    if sideways > 0.01 * along + 1e-3:
        raise GantryTiltError(
            f"{planes.place}: the slices are sheared against each other, as a tilted gantry makes them",
            fix="resample the series to straight slices first, for example with dcm2niix",
        )
    even = positions[0] + np.arange(len(order))[:, None] * step
    drift = np.linalg.norm(positions - even, axis=1)
    if drift.max() > UNEVEN * along:
        worst = int(drift.argmax())
        raise UnevenSlicesError(
            f"{planes.place}: the distance between slices changes from {steps.min():.4g} to {steps.max():.4g} mm; "
            f"{names[worst]} lies {drift[worst]:.3g} mm off even spacing",
            fix="fetch the missing slices, or resample the series to even slices first",
        )
    if not gaps:
        _check_gaps(planes, along)
    return np.asarray(step)


def _check_distinct(planes: Planes, names: Sequence[str], steps: np.ndarray) -> None:
    same = steps < 1e-3
    if not same.any():
        return
    count, distinct = len(names), int((~same).sum()) + 1
    if count % distinct == 0 and _runs(same) == {count // distinct}:
        raise SeveralVolumesError(
            f"{planes.place}: {count} images at {distinct} positions: {count // distinct} volumes in one series, such "
            "as time points, echoes or diffusion weightings",
            fix="give each volume a folder or a file of its own",
        )
    first = int(same.argmax())
    raise DuplicateSliceError(
        f"{planes.place}: {names[first]} and {names[first + 1]} lie at the same position",
        fix="remove one, or separate the phases of a dynamic series into folders",
    )


def _runs(same: np.ndarray) -> set[int]:
    """The numbers of images that lie at one position."""
    ends = np.flatnonzero(np.append(~same, True))
    return set(np.diff(np.append(-1, ends)).tolist())


def _check_gaps(planes: Planes, along: float) -> None:
    between, thickness = planes.between, planes.thickness
    expected = between or (GAP / (1 + UNEVEN) * thickness if thickness else None)
    if expected and along > (1 + UNEVEN) * expected:
        measured = f"{between:.3g} mm apart" if between else f"only {thickness:.3g} mm thick"
        raise MissingSliceError(
            f"{planes.place}: slices follow each other at {along:.3g} mm, but are {measured}",
            fix="fetch the missing slices; or allow gaps, with `--gaps allow`, if the series was acquired with them",
        )
