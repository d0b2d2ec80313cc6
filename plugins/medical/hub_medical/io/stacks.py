"""Studies of several slices, as DICOM, NIfTI, multi-page TIFF, or folders of pictures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hub.errors import OptionError
from hub.images import SUFFIXES, resize_image
from hub_medical.errors import VolumeError
from hub_medical.io.dicom import read_dicom
from hub_medical.io.dicom_scan import is_dicom
from hub_medical.io.images import read_stack
from hub_medical.io.volume_files import SUFFIXES as VOLUMES
from hub_medical.io.volume_files import read_volume
from hub_medical.volumes.intensity import IntensityRule
from hub_medical.volumes.prepare import prepare_case
from hub_medical.volumes.resample import canonical_grid
from hub_medical.volumes.slicing import AXES, Plane, plane_shape, take_planes
from hub_medical.volumes.volume import Volume


def read_study(path: Path, rule: IntensityRule | None, *, plane: Plane | None = None) -> tuple[np.ndarray, float]:
    """Read the slices of a study.

    Args:
        path: a NIfTI file, a multi-page TIFF, a folder of one DICOM series or a multi-frame file, or a folder of gray
            pictures of one size, in the order of the numbers in their names.
        rule: of intensities; None only for pictures of 8 bits, which it leaves as they are.
        plane: of the slices, as radiologists look at them; None for that in which they were taken, the one with the
            largest spacing between slices. Pictures are slices already.

    Returns:
        (C, N, H, W), uint8 without a rule, otherwise int16 in the format `hub_medical.volumes.intensity.PIXELS`; and
        how much higher than wide a pixel is.

    Raises:
        OptionError: no rule for volumes, or for pictures of more than 8 bits.
        VolumeError, DicomError: the files are missing, damaged, or no study.
    """
    files = _pictures(path)
    if files:
        stack = read_stack(files, spacing=(1, 1, 1), name=str(path))
        planes = stack.array.transpose(2, 1, 0)
        if rule is None and planes.dtype != np.uint8:
            raise _no_rule(path, "2048/4096")
        return (planes[None] if rule is None else rule.pixels(planes)), 1.0
    if rule is None:
        raise _no_rule(path, "lung")
    volume = _volume(path)
    grid = canonical_grid(volume.grid)
    chosen = plane or acquired_plane(grid.spacing)
    height, width = plane_shape(grid.spacing, chosen)  # type: ignore[arg-type]  # of a pixel, in mm
    return np.stack([take_planes(c, chosen) for c in prepare_case([volume], [rule])]), height / width


def acquired_plane(spacing: Sequence[float]) -> Plane:
    """The plane across the largest spacing, axial where none is the largest.

    >>> acquired_plane((0.5, 0.5, 5)), acquired_plane((4, 0.5, 0.5)), acquired_plane((1, 1, 1))
    ('axial', 'sagittal', 'axial')
    """
    planes: tuple[Plane, ...] = ("axial", "coronal", "sagittal")
    return max(planes, key=lambda plane: round(spacing[AXES[plane]], 3))


def spread(count: int, wanted: int) -> list[int]:
    """The middles of ``wanted`` equal parts of ``count`` slices; where those are too few, each repeats as it must.

    >>> spread(10, 5), spread(3, 6), spread(3, 3)
    ([1, 3, 5, 7, 9], [0, 0, 1, 1, 2, 2], [0, 1, 2])
    """
    return [(2 * i + 1) * count // (2 * wanted) for i in range(wanted)]


def fit_square(plane: np.ndarray, side: int, ratio: float = 1.0) -> np.ndarray:
    """A slice within a square, its proportions kept, black around it.

    Args:
        plane: (H, W).
        side: of the square, in pixels.
        ratio: how much higher than wide a pixel is.

    >>> fit_square(np.full((2, 8), 9, np.uint8), 4, ratio=2).tolist()
    [[0, 0, 0, 0], [9, 9, 9, 9], [9, 9, 9, 9], [0, 0, 0, 0]]
    """
    height, width = plane.shape[0] * ratio, plane.shape[1]
    scale = side / max(height, width)
    rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
    square = np.zeros((side, side), plane.dtype)
    top, left = (side - rows) // 2, (side - columns) // 2
    resized = resize_image(np.ascontiguousarray(plane)[:, :, None], (rows, columns))
    square[top : top + rows, left : left + columns] = resized[:, :, 0]
    return square


def study_image(planes: np.ndarray, ratio: float, *, side: int, in_chans: int, name: str = "study") -> np.ndarray:
    """An image of the hub whose channels are slices: evenly chosen, or repeated where there are too few.

    Args:
        planes: (C, N, H, W).
        ratio: how much higher than wide a pixel is.
        side: height and width of the image.
        in_chans: slices · C.
        name: for messages.

    Returns:
        (side, side, in_chans), slice after slice, the channels of each together.

    Raises:
        OptionError: ``in_chans`` is no multiple of C.
    """
    channels, count = planes.shape[:2]
    slices, rest = divmod(in_chans, channels)
    if rest or not slices:
        raise OptionError(
            f"{name}: in_chans is {in_chans}, for slices of {channels} channels",
            fix=f"use {channels} times the slices of a study, such as {16 * channels} for 16 of them",
        )
    fitted: dict[int, list[np.ndarray]] = {}
    for index in spread(count, slices):
        if index not in fitted:
            fitted[index] = [fit_square(planes[c, index], side, ratio) for c in range(channels)]
    return np.stack([plane for index in spread(count, slices) for plane in fitted[index]], axis=-1)


def _pictures(path: Path) -> list[Path]:
    """The files of a study of pictures; none where it is something else."""
    if path.is_file():
        return [path] if path.suffix.lower() in SUFFIXES else []
    found = [p for p in path.glob("*") if p.suffix.lower() in SUFFIXES and not p.name.startswith(".")]
    if found and is_dicom(path):  # pictures beside a series are previews
        return []
    return sorted(found, key=lambda p: [int(t) if t.isdigit() else t for t in re.split(r"(\d+)", p.name)])


def _volume(path: Path) -> Volume:
    if path.is_file() and path.name.endswith(VOLUMES):
        return read_volume(path)
    if not path.exists():
        raise VolumeError(f"{path} does not exist", fix="check the data root and the table of studies")
    if is_dicom(path):
        return read_dicom(path, gaps=True).volume  # attention does not depend on distances
    raise VolumeError(
        f"{path} is not a study", fix="give a NIfTI file, a multi-page TIFF, or a folder of DICOM images or pictures"
    )


def _no_rule(path: Path, window: str) -> OptionError:
    return OptionError(
        f"{path} has more than 8 bits, and no intensity rule",
        fix=f"write intensity: z-score, or windows such as ['{window}']",
    )
