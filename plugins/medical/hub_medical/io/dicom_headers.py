"""DICOM files of one series, refused with the reason where they make no volume.

Order comes from the position and direction of each slice, never from file names or InstanceNumber.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.pixels import get_decoder

from hub_medical.errors import (
    ColorDicomError,
    DicomError,
    DuplicateSliceError,
    EmptySeriesError,
    GantryTiltError,
    MissingDecoderError,
    MissingSliceError,
    MixedSeriesError,
)
from hub_medical.privacy import warn_burned_in

GAP = 1.5  # of the slice thickness, or of the usual interval: a larger step means that a slice is missing
UNEVEN = 0.1  # of the interval: how much two steps may differ


Found = list[tuple[Path, Dataset]]


def read_headers(path: str | os.PathLike[str], *, series: str | None = None, check: bool = True) -> Found:
    """The DICOM images below a folder, or of one file, in the order of their names.

    Args:
        path: a folder, searched with its subfolders, or a file.
        series: SeriesInstanceUID of those to take.
        check: refuse images without intensities.

    Returns:
        Pairs of file and header; pixels are not decoded yet. Segmentations and files without pixels are left out.

    Raises:
        EmptySeriesError: there is no image.
        ColorDicomError, MissingDecoderError: pixels that are no intensities, or that cannot be decoded.
    """
    files = _read_all(Path(path))
    if series is not None:
        files = [(file, header) for file, header in files if str(header.get("SeriesInstanceUID", "")) == series]
    if not files:
        which = "" if series is None else " of that series"
        raise EmptySeriesError(f"{path} holds no DICOM image{which}", fix="give the folder of one series")
    if check:
        for file, header in files:
            _check_pixels(file, header)
            warn_burned_in(header, file)
    return files


def sort_slices(files: Sequence[tuple[Path, Dataset]], *, gaps: bool = False) -> list[Dataset]:
    """The slices of one series along their common normal.

    Args:
        files: of one frame each.
        gaps: allow the even gaps of series that were acquired with them.

    Raises:
        MixedSeriesError: several series, or slices of different size, direction or spacing.
        DuplicateSliceError, MissingSliceError, GantryTiltError: what the names say.
    """
    names = [file.name for file, _ in files]
    folder = files[0][0].parent
    headers = [header for _, header in files]
    _check_one_series(folder, headers)
    if len(headers) == 1:
        return headers
    positions = np.array([header.ImagePositionPatient for header in headers], np.float64)
    row, column = np.array(headers[0].ImageOrientationPatient, np.float64).reshape(2, 3)
    normal = np.cross(row, column)
    depth = positions @ normal
    order = np.argsort(depth, kind="stable")
    steps = np.diff(depth[order])
    if steps.min() < 1e-3:
        first = int(steps.argmin())
        raise DuplicateSliceError(
            f"{folder}: {names[order[first]]} and {names[order[first + 1]]} lie at the same position",
            fix="remove one, or separate the phases of a dynamic series into folders",
        )
    sideways = np.diff(positions[order], axis=0) - steps[:, None] * normal
    if np.linalg.norm(sideways, axis=1).max() > 0.01 * steps.mean() + 1e-3:
        raise GantryTiltError(
            f"{folder}: the slices are sheared against each other, as a tilted gantry makes them",
            fix="resample the series to straight slices first, for example with dcm2niix",
        )
    _check_even(folder, [names[i] for i in order], steps, headers[0], gaps=gaps)
    return [headers[i] for i in order]


def _read_all(path: Path) -> list[tuple[Path, Dataset]]:
    if not path.exists():
        raise EmptySeriesError(f"{path} does not exist", fix="give a DICOM file or a folder of them")
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    found: Found = []
    for file in files:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # pydicom's warnings quote values
                header = pydicom.dcmread(file, defer_size="1 MB")
        except InvalidDicomError:
            if path.is_file():
                raise DicomError(f"{file} is no DICOM file", fix="give a DICOM file or a folder of them") from None
            continue  # a folder may hold a readme
        except Exception as error:  # truncated files fail in many ways
            raise DicomError(
                f"{file} cannot be read as DICOM ({type(error).__name__})", fix="replace the file"
            ) from None
        if "Rows" in header and header.get("Modality") != "SEG":
            found.append((file, header))
    return found


def _check_pixels(file: Path, header: Dataset) -> None:
    if int(header.get("SamplesPerPixel", 1)) != 1 or header.get("PhotometricInterpretation", "").startswith(
        ("RGB", "YBR", "PALETTE")
    ):
        raise ColorDicomError(
            f"{file} is in colour ({header.get('PhotometricInterpretation')}), not intensities",
            fix="leave out secondary captures and screenshots; give the original series",
        )
    if "PixelData" not in header:
        raise DicomError(f"{file} has no pixels", fix="fetch the whole image")
    syntax = header.file_meta.get("TransferSyntaxUID")
    if syntax is None or not syntax.is_compressed:
        return
    try:
        available = get_decoder(syntax).is_available
    except NotImplementedError:
        available = False
    if not available:
        raise MissingDecoderError(
            f"{file} is compressed as {syntax.name}, which no installed package decodes",
            fix="pip install 'backbone-hub-medical[compressed]', or decompress it with dcmdjpeg or gdcmconv --raw",
        )


def _check_one_series(folder: Path, headers: Sequence[Dataset]) -> None:
    if len({str(h.get("SeriesInstanceUID", "")) for h in headers}) > 1:
        raise MixedSeriesError(f"{folder} holds images of several series", fix="choose one, or give each a folder")
    if any(int(h.get("NumberOfFrames", 1)) > 1 for h in headers):
        raise MixedSeriesError(f"{folder} holds several multi-frame images", fix="give one file at a time")
    for header in headers:
        for tag in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
            if not header.get(tag):
                raise DicomError(
                    f"{folder}: an image has no {tag}, so its place is unknown",
                    fix="leave out localisers and screenshots",
                )
    for tag in ("Rows", "Columns", "PixelSpacing", "ImageOrientationPatient", "FrameOfReferenceUID"):
        if tag == "FrameOfReferenceUID":
            mixed = len({str(h.get(tag, "")) for h in headers}) > 1
        else:
            values = np.array([np.atleast_1d(h[tag].value) for h in headers], np.float64)
            mixed = bool(np.ptp(values, axis=0).max() > 1e-4)
        if mixed:
            raise MixedSeriesError(
                f"{folder}: the images of the series differ in {tag}", fix="leave out localisers and reformats"
            )


def _check_even(folder: Path, names: Sequence[str], steps: np.ndarray, header: Dataset, *, gaps: bool) -> None:
    usual = float(np.median(steps))
    far = int(steps.argmax())
    if steps[far] > (1 + UNEVEN) * usual or steps.min() < (1 - UNEVEN) * usual:
        raise MissingSliceError(
            f"{folder}: {names[far + 1]} follows {names[far]} at {steps[far]:.3g} mm, "
            f"where other slices are {steps.min():.3g} mm apart",
            fix="fetch the missing slices",
        )
    told = header.get("SpacingBetweenSlices")
    thickness = header.get("SliceThickness")
    expected = abs(float(told)) if told else GAP / (1 + UNEVEN) * float(thickness) if thickness else None
    if not gaps and expected and usual > (1 + UNEVEN) * expected:
        by = f"{abs(float(told)):.3g} mm apart" if told else f"only {float(thickness or 0):.3g} mm thick"
        raise MissingSliceError(
            f"{folder}: slices follow each other at {usual:.3g} mm, but are {by}",
            fix="fetch the missing slices; allow gaps if the series was acquired with them",
        )
