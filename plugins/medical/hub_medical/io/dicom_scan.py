"""The DICOM series below a folder: every header is read once, and no pixels."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hub_medical.errors import DicomError, EmptySeriesError, NotDicomError, UnreadableSliceError
from hub_medical.io.dicom_header import DicomHeader, is_dicom_file, read_header
from hub_medical.privacy import short_name


@dataclass(frozen=True)
class DicomScan:
    """What a folder holds.

    Attributes:
        series: SeriesInstanceUID → its images; files without one are grouped by folder.
        errors: of the files that are DICOM and cannot be read, by file.
    """

    series: Mapping[str, Sequence[DicomHeader]]
    errors: Mapping[Path, DicomError]

    def images(self, uid: str) -> Sequence[DicomHeader]:
        """The images of a series.

        Raises:
            EmptySeriesError: there is no such series.
            UnreadableSliceError: a file beside them cannot be read: it may be one of the slices.
        """
        if uid not in self.series:
            raise EmptySeriesError("there is no such series", fix="list the series with `hub medical series FOLDER`")
        headers = self.series[uid]
        folders = {header.file.parent for header in headers}
        for file, error in self.errors.items():
            if file.parent in folders:
                raise UnreadableSliceError(
                    f"{str(error).splitlines()[0]}; it may be a slice of the {len(headers)} images beside it",
                    fix="replace the file, or move it away if it belongs to no series",
                )
        return headers


def scan_dicom(path: str | os.PathLike[str]) -> DicomScan:
    """Read the headers below a folder, or that of one file.

    Raises:
        EmptySeriesError: the path does not exist, or there is no image and no damaged one.
        NotDicomError, DicomError: the path is a file that is not DICOM, or cannot be read.
    """
    root = Path(path)
    if not root.exists():
        raise EmptySeriesError(f"{root} does not exist", fix="give a DICOM file or a folder of them")
    series: dict[str, list[DicomHeader]] = {}
    errors: dict[Path, DicomError] = {}
    files = [root] if root.is_file() else sorted(p for p in root.rglob("*") if p.is_file())
    for file in files:
        try:
            header = read_header(file)
        except DicomError as error:
            if root.is_file():
                raise
            if not isinstance(error, NotDicomError):  # a folder may hold a readme
                errors[file] = error
            continue
        if header is not None:
            series.setdefault(header.series or f"folder {file.parent}", []).append(header)
    if not series and not errors:
        raise EmptySeriesError(f"{root} holds no DICOM image", fix="give a folder with DICOM images")
    return DicomScan(series, errors)


def series_name(headers: Sequence[DicomHeader]) -> str:
    """The short name of a series in results, logs and file names; it holds no information about the patient."""
    return short_name(headers[0].series or str(headers[0].file.parent))


def is_dicom(path: str | os.PathLike[str]) -> bool:
    """Whether a file is DICOM, or a folder holds such a file."""
    root = Path(path)
    files = [root] if root.is_file() else (p for p in root.rglob("*") if p.is_file())
    return any(is_dicom_file(p) or _readable(p) for p in files)


def _readable(file: Path) -> bool:
    try:
        return read_header(file) is not None
    except DicomError:
        return False
