"""The frames of multi-frame DICOM images: where each lies, and how its stored values become intensities.

Reference: DICOM PS3.3, C.7.6.16 (multi-frame functional groups).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from hub_medical.errors import DicomError, MixedSeriesError
from hub_medical.io.dicom_geometry import Planes


def frame_planes(data: Dataset, file: Path) -> Planes:
    """The planes of an enhanced image, from its shared and per-frame functional groups.

    Raises:
        DicomError: frames have no positions, as in images that are no volumes.
        MixedSeriesError: slice thicknesses differ.
    """
    count = int(data.NumberOfFrames)
    items = [_groups(data, frame, count) for frame in range(count)]
    measures = "PixelMeasuresSequence"
    thicknesses = [_number(_values(groups, measures, "SliceThickness")) for groups in items]
    betweens = [_number(_values(groups, measures, "SpacingBetweenSlices")) for groups in items]
    if len({t for t in thicknesses if t is not None}) > 1:
        raise MixedSeriesError(f"{file}: the frames differ in SliceThickness", fix="give each stack a file of its own")
    return Planes(
        place=file,
        names=[f"frame {frame + 1}" for frame in range(count)],
        orientations=_each(items, file, "PlaneOrientationSequence", "ImageOrientationPatient"),
        positions=_each(items, file, "PlanePositionSequence", "ImagePositionPatient"),
        spacings=_each(items, file, measures, "PixelSpacing"),
        thickness=thicknesses[0],
        between=betweens[0],
    )


def frame_rescale(data: Dataset, count: int) -> np.ndarray:
    """(frames, 2) slope and intercept of each frame: its own, the shared ones, or those of the image."""
    root = (float(data.get("RescaleSlope") or 1), float(data.get("RescaleIntercept") or 0))
    found = np.array([root] * count)
    for frame in range(count):
        groups = _groups(data, frame, count)
        slope = _values(groups, "PixelValueTransformationSequence", "RescaleSlope")
        intercept = _values(groups, "PixelValueTransformationSequence", "RescaleIntercept")
        if slope:
            found[frame] = slope[0], intercept[0] if intercept else 0.0
    return found


def _groups(data: Dataset, frame: int, count: int) -> list[Dataset]:
    """The functional groups of a frame, its own before the shared ones."""
    own = data.get("PerFrameFunctionalGroupsSequence") or []
    shared = data.get("SharedFunctionalGroupsSequence") or []
    return [*([own[frame]] if len(own) == count else []), *shared[:1]]


def _each(items: list[list[Dataset]], file: Path, sequence: str, keyword: str) -> np.ndarray:
    """(frames, …) float64."""
    found = [_values(groups, sequence, keyword) for groups in items]
    for frame, values in enumerate(found, 1):
        if values is None:
            raise DicomError(
                f"{file}: frame {frame} has no {keyword}, so its place is unknown",
                fix="give an enhanced CT, MR or PET image, or single slices",
            )
    return np.array(found, np.float64)


def _values(groups: list[Dataset], sequence: str, keyword: str) -> tuple[float, ...] | None:
    for group in groups:
        items = group.get(sequence)
        value = items[0].get(keyword) if items else None
        if value is not None and value != "":
            return tuple(float(one) for one in np.atleast_1d(value))
    return None


def _number(values: tuple[float, ...] | None) -> float | None:
    return abs(values[0]) or None if values else None
