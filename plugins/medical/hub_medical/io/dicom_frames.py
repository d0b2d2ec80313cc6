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
    positions, orientations, spacings, thicknesses, betweens = [], [], [], [], []
    for frame in range(count):
        position = _value(items[frame], "PlanePositionSequence", "ImagePositionPatient")
        orientation = _value(items[frame], "PlaneOrientationSequence", "ImageOrientationPatient")
        spacing = _value(items[frame], "PixelMeasuresSequence", "PixelSpacing")
        for keyword, value in (
            ("PlanePosition", position),
            ("PlaneOrientation", orientation),
            ("PixelMeasures", spacing),
        ):
            if value is None:
                raise DicomError(
                    f"{file}: frame {frame + 1} has no {keyword}, so its place is unknown",
                    fix="give an enhanced CT, MR or PET image, or single slices",
                )
        positions.append([float(v) for v in position])  # type: ignore[union-attr]
        orientations.append([float(v) for v in orientation])  # type: ignore[union-attr]
        spacings.append([float(v) for v in spacing])  # type: ignore[union-attr]
        thicknesses.append(_number(_value(items[frame], "PixelMeasuresSequence", "SliceThickness")))
        betweens.append(_number(_value(items[frame], "PixelMeasuresSequence", "SpacingBetweenSlices")))
    if len({t for t in thicknesses if t is not None}) > 1:
        raise MixedSeriesError(f"{file}: the frames differ in SliceThickness", fix="give each stack a file of its own")
    return Planes(
        place=file,
        names=[f"frame {frame + 1}" for frame in range(count)],
        orientations=np.array(orientations),
        positions=np.array(positions),
        spacings=np.array(spacings),
        thickness=thicknesses[0],
        between=betweens[0],
    )


def frame_rescale(data: Dataset, count: int) -> np.ndarray:
    """(frames, 2) slope and intercept of each frame: its own, the shared ones, or those of the image."""
    root = (float(data.get("RescaleSlope") or 1), float(data.get("RescaleIntercept") or 0))
    found = np.array([root] * count)
    for frame in range(count):
        groups = _groups(data, frame, count)
        slope = _value(groups, "PixelValueTransformationSequence", "RescaleSlope")
        if slope is not None:
            intercept = _value(groups, "PixelValueTransformationSequence", "RescaleIntercept")
            found[frame] = float(slope), float(intercept or 0)  # type: ignore[arg-type]
    return found


def _groups(data: Dataset, frame: int, count: int) -> list[Dataset]:
    """The functional groups of a frame, its own before the shared ones."""
    own = data.get("PerFrameFunctionalGroupsSequence") or []
    shared = data.get("SharedFunctionalGroupsSequence") or []
    return [*([own[frame]] if len(own) == count else []), *shared[:1]]


def _value(groups: list[Dataset], sequence: str, keyword: str) -> object | None:
    for group in groups:
        items = group.get(sequence)
        if items and items[0].get(keyword) not in (None, ""):
            return items[0].get(keyword)  # type: ignore[no-any-return]
    return None


def _number(value: object | None) -> float | None:
    return abs(float(str(value))) or None if value is not None else None
