"""DICOM series as volumes, and single DICOM images as pictures, through highdicom.

Reference: DICOM PS3.3, C.7.6.2 (image plane), C.11.1 (modality LUT), C.11.2 (VOI LUT).
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

from hub_medical.errors import DicomError, EmptySeriesError
from hub_medical.io.dicom_headers import read_headers, sort_slices
from hub_medical.privacy import case_key
from hub_medical.volumes.volume import Volume, check_finite

_FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])  # between DICOM's LPS and NIfTI's RAS


@dataclass(frozen=True, eq=False)
class Series:
    """A DICOM series: its voxels, and the images that a segmentation of it refers to.

    Attributes:
        volume: float32 intensities with the modality's slope and intercept applied, HU for CT; i runs along the
            rows of the images, j down their columns, k from slice to slice.
        images: one a slice in the order of k, or a single multi-frame one.
        key: a name for the case that tells nothing of the patient.
    """

    volume: Volume
    images: Sequence[Dataset]
    key: str


def read_dicom(path: str | os.PathLike[str], *, series: str | None = None, gaps: bool = False) -> Series:
    """Read a series as a volume.

    Slices are sorted by their positions along their common normal. Windows and MONOCHROME1 say how to show values,
    not what they are, so they change nothing here; see `read_picture`.

    Args:
        path: a folder, searched with its subfolders, or a multi-frame file.
        series: SeriesInstanceUID, where the folder holds several.
        gaps: allow the even gaps of series that were acquired with them.

    Raises:
        DicomError: the series is no volume; see `hub_medical.io.dicom_headers.read_headers` and `sort_slices`.
        NonFiniteVoxelsError: a voxel is NaN or infinite.
    """
    headers = read_headers(path, series=series)
    frames = int(headers[0][1].get("NumberOfFrames", 1))
    if len(headers) == 1 and frames > 1:
        images = [headers[0][1]]
    else:
        images = sort_slices(headers, gaps=gaps)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they quote values of the header
        try:
            if len(images) == 1:
                stack = hd.Image.from_dataset(images[0], copy=False).get_volume(
                    dtype=np.float32, apply_presentation_lut=False, rtol=0.02
                )
            else:
                # `sort_slices` checked the slices more closely, so highdicom need not be strict.
                stack = hd.get_volume_from_series(
                    images,
                    dtype=np.float32,
                    apply_presentation_lut=False,
                    rtol=0.2,
                    perpendicular_tol=1e-2,
                    orientation_tol=1e-3,
                )
        except Exception as error:  # highdicom and the decoders raise many kinds, with values in their messages
            raise DicomError(
                f"{path}: its {max(len(images), frames)} frames make no volume ({type(error).__name__})",
                fix="frames must be parallel, evenly spaced and of one stack; give the original series",
            ) from None
    if len(images) > 1 and np.dot(_position(images[-1]) - _position(images[0]), stack.affine[:3, 0]) < 0:
        images = images[::-1]  # highdicom's volumes are right-handed, whichever way that stacks them
    return Series(check_finite(from_highdicom(stack, str(path))), images, case_key(images[0]))


def from_highdicom(stack: hd.Volume, name: str) -> Volume:
    """From highdicom's axes (slice, row, column) and LPS to (column, row, slice) and RAS."""
    return Volume.of(stack.array.transpose(2, 1, 0), _FLIP @ stack.affine[:, [2, 1, 0, 3]], name=name)


def to_highdicom(volume: Volume, image: Dataset) -> hd.Volume:
    """The inverse of `from_highdicom`, in the frame of reference of a source image."""
    return hd.Volume(
        volume.array.transpose(2, 1, 0),
        (_FLIP @ volume.affine)[:, [2, 1, 0, 3]],
        coordinate_system="PATIENT",
        frame_of_reference_uid=image.get("FrameOfReferenceUID"),
    )


def read_picture(path: str | os.PathLike[str], *, window: int = 0) -> np.ndarray:
    """One DICOM image as a viewer shows it: modality LUT, then VOI LUT or window, MONOCHROME1 inverted.

    Args:
        path: of a file with one frame, such as a radiograph.
        window: which of the header's windows or VOI LUTs. Without any, the whole range is shown.

    Returns:
        (H, W) float32 from 0, black, to 1, white.

    Raises:
        DicomError: the file is missing, in colour, not decodable, or has several frames.
    """
    headers = read_headers(path)
    if len(headers) != 1 or int(headers[0][1].get("NumberOfFrames", 1)) > 1:
        raise DicomError(f"{path} has more than one frame", fix="read it as a series")
    image = headers[0][1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            unit = _displayed(image, window)
        except Exception as error:
            raise DicomError(f"{path} cannot be decoded ({type(error).__name__})", fix="replace the file") from None
    return np.asarray(1 - unit if image.PhotometricInterpretation == "MONOCHROME1" else unit, np.float32)


def _displayed(image: Dataset, window: int) -> np.ndarray:
    """From 0 to 1 as the header's LUT or window maps it, before any inversion."""
    file = hd.Image.from_dataset(image, copy=False)
    if "VOILUTSequence" in image:
        lut = file.get_frame(1, apply_voi_transform=True, voi_transform_selector=window, apply_presentation_lut=False)
        return np.asarray(lut)
    values = file.get_frame(1, apply_presentation_lut=False)
    if "WindowCenter" in image:
        # On the values, not through `get_frame`: that scales the window to stored values, which is off by part of a
        # grey level where the slope is not 1.
        rule = hd.VOILUTTransformation(
            window_center=np.atleast_1d(image.WindowCenter).astype(float).tolist(),
            window_width=np.atleast_1d(image.WindowWidth).astype(float).tolist(),
            voi_lut_function=image.get("VOILUTFunction"),
        )
        return np.asarray(rule.apply(values, voi_transform_selector=window))
    return np.asarray((values - values.min()) / max(float(np.ptp(values)), 1e-8))


def find_series(path: str | os.PathLike[str]) -> dict[str, int]:
    """The series below a folder: SeriesInstanceUID → number of images.

    Raises:
        EmptySeriesError: there is none.
    """
    counts: dict[str, int] = {}
    for _, header in read_headers(path, check=False):
        uid = str(header.get("SeriesInstanceUID", ""))
        counts[uid] = counts.get(uid, 0) + 1
    if not counts:
        raise EmptySeriesError(f"{path} holds no DICOM image", fix="give a folder with DICOM files")
    return counts


def is_dicom(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins as DICOM files do, or a folder holds such a file."""
    root = Path(path)
    return any(_magic(p) for p in ([root] if root.is_file() else root.rglob("*")) if p.is_file())


def _position(image: Dataset) -> np.ndarray:
    return np.array(image.ImagePositionPatient, np.float64)


def _magic(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"
