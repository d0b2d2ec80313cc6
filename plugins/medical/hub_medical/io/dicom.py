"""DICOM series as volumes, and single DICOM images as pictures.

Reference: DICOM PS3.3, C.11.2 (VOI LUT).
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import highdicom as hd
import numpy as np
from pydicom.dataset import Dataset

from hub_medical.errors import (
    DicomError,
    MixedSeriesError,
    MosaicError,
)
from hub_medical.io.dicom_frames import frame_planes
from hub_medical.io.dicom_geometry import Planes, arrange
from hub_medical.io.dicom_header import DicomHeader, read_header
from hub_medical.io.dicom_pixels import check_pixels, read_dataset, read_intensities, single_image
from hub_medical.io.dicom_scan import scan_dicom, series_name
from hub_medical.privacy import warn_burned_in
from hub_medical.volumes.volume import Volume, check_finite

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])  # DICOM's world and NIfTI's


@dataclass(frozen=True, eq=False)
class Series:
    """A DICOM series: its voxels, and the images that a segmentation of it refers to.

    Attributes:
        volume: float32 intensities with the modality's slope and intercept applied, HU for CT; i runs along the
            rows of the images, j down their columns, k from slice to slice.
        images: one per slice in the order of k, or a single multi-frame one.
        frames: for a multi-frame image the frame of each slice, from 1; otherwise empty.
        key: a name for the case without information about the patient.
    """

    volume: Volume
    images: Sequence[DicomHeader]
    frames: Sequence[int]
    key: str


def read_dicom(path: str | os.PathLike[str], *, series: str | None = None, gaps: bool = False) -> Series:
    """Read a series as a volume.

    Slices are sorted by their positions along their common normal. Windows and MONOCHROME1 describe how to show values,
    not what they are, so they change nothing here; see `read_picture`.

    Args:
        path: a folder, searched with its subfolders, or a multi-frame file.
        series: SeriesInstanceUID, where the folder holds several.
        gaps: allow the even gaps of series that were acquired with them.

    Raises:
        MixedSeriesError: there are several series, and ``series`` names none.
        DicomError: see `hub_medical.io.dicom_scan.scan_dicom` and `read_series`.
    """
    scan = scan_dicom(path)
    if series is None and len(scan.series) > 1:
        raise MixedSeriesError(f"{path} holds images of several series", fix="choose one, or give each a folder")
    if series is None and not scan.series:
        raise next(iter(scan.errors.values()))
    return read_series(scan.images(next(iter(scan.series)) if series is None else series), gaps=gaps)


def read_series(headers: Sequence[DicomHeader], *, gaps: bool = False) -> Series:
    """Read the images of one series as a volume; one image's pixels are held at a time beside the volume.

    Raises:
        DicomError: the images are no volume; the subclass and the message state the cause.
        NonFiniteVoxelsError: a voxel is NaN or infinite.
    """
    for header in headers:
        check_pixels(header)
        if header.mosaic:
            raise MosaicError(
                f"{header.file}: the slices of a volume are tiles of one image (Siemens mosaic)",
                fix="convert the series to NIfTI or to single slices, for example with dcm2niix",
            )
    place = headers[0].file.parent if len(headers) > 1 else headers[0].file
    if len({header.series for header in headers}) > 1:
        raise MixedSeriesError(f"{place} holds images of several series", fix="choose one, or give each a folder")
    if any(header.burned_in for header in headers):
        warn_burned_in(next(header.file for header in headers if header.burned_in))
    if len(headers) > 1 and any(header.frames > 1 for header in headers):
        raise MixedSeriesError(f"{place} holds several multi-frame images", fix="give one file at a time")
    if headers[0].frames > 1:
        return _multi_frame(headers[0], gaps=gaps)
    order, affine = arrange(_planes(place, headers), gaps=gaps)
    images = [headers[i] for i in order]
    voxels = np.empty((images[0].columns, images[0].rows, len(images)), np.float32)
    for k, header in enumerate(images):
        voxels[:, :, k] = read_intensities(read_dataset(header), header)[0].T
    volume = Volume.of(voxels, LPS_TO_RAS @ affine, name=str(place))
    return Series(check_finite(volume), images, (), series_name(headers))


def _multi_frame(header: DicomHeader, *, gaps: bool) -> Series:
    data = read_dataset(header)
    order, affine = arrange(frame_planes(data, header.file), gaps=gaps)
    voxels = read_intensities(data, header)[order].transpose(2, 1, 0)
    volume = Volume.of(voxels, LPS_TO_RAS @ affine, name=str(header.file))
    return Series(check_finite(volume), [header], [int(i) + 1 for i in order], series_name([header]))


def _planes(place: Path, headers: Sequence[DicomHeader]) -> Planes:
    for header in headers:
        for keyword, value in (
            ("ImagePositionPatient", header.position),
            ("ImageOrientationPatient", header.orientation),
            ("PixelSpacing", header.spacing),
        ):
            if value is None:
                raise DicomError(
                    f"{header.file} has no {keyword}, so its place is unknown",
                    fix="leave out localizers and screenshots",
                )
    for what, values in (
        ("Rows", [h.rows for h in headers]),
        ("Columns", [h.columns for h in headers]),
        ("FrameOfReferenceUID", [h.frame_of_reference for h in headers]),
    ):
        if len(set(values)) > 1:
            raise MixedSeriesError(
                f"{place}: the images of the series differ in {what}", fix="leave out localizers and reformats"
            )
    return Planes(
        place=place,
        names=[header.file.name for header in headers],
        orientations=np.array([header.orientation for header in headers]),
        positions=np.array([header.position for header in headers]),
        spacings=np.array([header.spacing for header in headers]),
        thickness=headers[0].thickness,
        between=headers[0].between,
    )


def read_picture(path: str | os.PathLike[str], *, window: int = 0) -> np.ndarray:
    """Read one DICOM image as a viewer shows it: modality LUT, then VOI LUT or window, MONOCHROME1 inverted.

    Args:
        path: of a file with one frame, such as a radiograph.
        window: which of the header's windows or VOI LUTs. Without any, the full range is shown.

    Returns:
        (H, W) float32 from 0, black, to 1, white.

    Raises:
        DicomError: the file is missing, in color, cannot be decoded, or has several frames.
    """
    header = image_header(path)
    data = single_image(Path(path), header)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            unit = _displayed(data, header, window)
        except DicomError:
            raise
        except Exception as error:
            raise DicomError(f"{path} cannot be decoded ({type(error).__name__})", fix="replace the file") from None
    return np.asarray(1 - unit if header.photometric == "MONOCHROME1" else unit, np.float32)


def image_header(path: str | os.PathLike[str]) -> DicomHeader:
    """The header of a file that must hold an image.

    Raises:
        DicomError: it does not.
    """
    path = Path(path)
    if not path.is_file():
        raise DicomError(f"{path} does not exist", fix="check the data root and the file names")
    header = read_header(path)
    if header is None:
        raise DicomError(f"{path} holds no image", fix="leave the file out")
    return header


def _displayed(data: Dataset, header: DicomHeader, window: int) -> np.ndarray:
    """From 0 to 1 as the header's LUT or window maps it, before any inversion."""
    if "VOILUTSequence" in data:
        file = hd.Image.from_dataset(data, copy=False)
        lut = file.get_frame(1, apply_voi_transform=True, voi_transform_selector=window, apply_presentation_lut=False)
        return np.asarray(lut)
    values = read_intensities(data, header)[0]
    if "WindowCenter" in data:
        # On the values: highdicom's `get_frame` scales the window to stored values, which is off by part of a gray
        # level where the slope is not 1.
        rule = hd.VOILUTTransformation(
            window_center=np.atleast_1d(data.WindowCenter).astype(float).tolist(),
            window_width=np.atleast_1d(data.WindowWidth).astype(float).tolist(),
            voi_lut_function=data.get("VOILUTFunction"),
        )
        return np.asarray(rule.apply(values, voi_transform_selector=window))
    return np.asarray((values - values.min()) / max(float(np.ptp(values)), 1e-8))
