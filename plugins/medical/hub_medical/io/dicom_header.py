"""What the reader needs of one DICOM file, without its pixels and without anything that describes the patient."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import UID

from hub_medical.errors import DicomError, NotDicomError, TruncatedDicomError

T = TypeVar("T")
_TAGS = (
    *("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID", "Modality"),
    *("Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation", "ImageType"),
    *("ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing", "SliceThickness", "SpacingBetweenSlices"),
    *("BurnedInAnnotation",),
)
# A file without preamble starts with an element of one of these groups, little-endian.
_FIRST_GROUPS = (b"\x02\x00", b"\x08\x00")


@dataclass(frozen=True, slots=True)
class DicomHeader:
    """One file with an image.

    Attributes:
        file: its path.
        sop_class, sop_instance: UIDs of the image, which a segmentation refers to.
        series, study, frame_of_reference: UIDs; empty where the file has none.
        modality: such as "CT"; empty where the file has none.
        rows, columns, frames: its size.
        samples: values per pixel.
        photometric: such as "MONOCHROME2".
        transfer_syntax: of the pixels; empty where the file does not state it.
        orientation: six direction cosines of rows and columns, in LPS, or None.
        position: of the first pixel's center in mm, LPS, or None.
        spacing: mm between rows and between columns, or None.
        thickness, between: SliceThickness and SpacingBetweenSlices in mm, or None.
        mosaic: the slices of a volume are tiles of one image.
        burned_in: the pixels may show text about the patient.
    """

    file: Path
    sop_class: str
    sop_instance: str
    series: str
    study: str
    frame_of_reference: str
    modality: str
    rows: int
    columns: int
    frames: int
    samples: int
    photometric: str
    transfer_syntax: str
    orientation: tuple[float, ...] | None
    position: tuple[float, ...] | None
    spacing: tuple[float, ...] | None
    thickness: float | None
    between: float | None
    mosaic: bool
    burned_in: bool


def read_header(file: str | os.PathLike[str]) -> DicomHeader | None:
    """Read the header of a file.

    Returns:
        None for DICOM objects that are not images of intensities: segmentations, structure sets, reports.

    Raises:
        NotDicomError: the file is not DICOM.
        DicomError: it is damaged, or an attribute is malformed.
    """
    file = Path(file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom's warnings quote values
            data = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=list(_TAGS), force=_can_force(file))
    except (pydicom.errors.InvalidDicomError, IsADirectoryError):
        raise NotDicomError(f"{file} is not a DICOM file", fix="give a DICOM file or a folder of them") from None
    except Exception as error:  # truncated files fail in many ways
        raise DicomError(f"{file} cannot be read as DICOM ({type(error).__name__})", fix="replace the file") from None
    if "Rows" not in data:
        kind = _text(data, "SOPClassUID") or str(data.file_meta.get("MediaStorageSOPClassUID") or "")
        if not kind or "Image Storage" in UID(kind).name:
            raise TruncatedDicomError(f"{file} has no image: its header is cut off", fix="replace the file")
        return None
    if _text(data, "Modality") == "SEG":
        return None
    return _parsed(file, data)


def is_dicom_file(file: Path) -> bool:
    """Whether a file starts as DICOM files do; those without a preamble are recognized when they are read."""
    with file.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM"


def _can_force(file: Path) -> bool:
    with file.open("rb") as stream:
        start = stream.read(132)
    return start[128:] != b"DICM" and start[:2] in _FIRST_GROUPS


def _parsed(file: Path, data: Dataset) -> DicomHeader:
    def get(keyword: str, convert: Callable[[object], T], default: T) -> T:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                value = data.get(keyword)
                return default if value is None or value == "" else convert(value)
        except Exception:  # pydicom raises many kinds for a malformed value, and quotes it
            raise DicomError(
                f"{file}: its {keyword} is malformed", fix="correct the header, or replace the file"
            ) from None

    syntax = data.file_meta.get("TransferSyntaxUID") if hasattr(data, "file_meta") else None
    image_type = get("ImageType", lambda v: tuple(map(str, [v] if isinstance(v, str) else v)), ())  # type: ignore[call-overload]
    return DicomHeader(
        file=file,
        sop_class=get("SOPClassUID", str, ""),
        sop_instance=get("SOPInstanceUID", str, ""),
        series=get("SeriesInstanceUID", str, ""),
        study=get("StudyInstanceUID", str, ""),
        frame_of_reference=get("FrameOfReferenceUID", str, ""),
        modality=get("Modality", str, ""),
        rows=get("Rows", _integer, 0),
        columns=get("Columns", _integer, 0),
        frames=max(1, get("NumberOfFrames", _integer, 1)),
        samples=get("SamplesPerPixel", _integer, 1),
        photometric=get("PhotometricInterpretation", str, ""),
        transfer_syntax=str(syntax or ""),
        orientation=get("ImageOrientationPatient", _numbers(6), None),
        position=get("ImagePositionPatient", _numbers(3), None),
        spacing=get("PixelSpacing", _numbers(2), None),
        thickness=get("SliceThickness", _positive, None),
        between=get("SpacingBetweenSlices", _positive, None),
        mosaic="MOSAIC" in image_type,
        burned_in=get("BurnedInAnnotation", str, "") == "YES",
    )


def syntax_of(header: DicomHeader) -> UID | None:
    """The transfer syntax, or None where the file does not state it."""
    return UID(header.transfer_syntax) if header.transfer_syntax else None


def _text(data: Dataset, keyword: str) -> str:
    return str(data.get(keyword) or "")


def _integer(value: object) -> int:
    return int(str(value))


def _positive(value: object) -> float | None:
    number = abs(float(str(value)))
    return number or None


def _numbers(count: int) -> Callable[[object], tuple[float, ...] | None]:
    def convert(value: object) -> tuple[float, ...] | None:
        numbers = tuple(float(one) for one in value)  # type: ignore[attr-defined]
        if not numbers:
            return None
        if len(numbers) != count:
            raise ValueError
        return numbers

    return convert
