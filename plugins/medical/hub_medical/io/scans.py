"""What is to be predicted: NIfTI files, one or several per case, or DICOM series."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hub_medical.errors import DicomError, EmptySeriesError, VolumeError
from hub_medical.io.dicom import Series, read_series
from hub_medical.io.dicom_scan import DicomScan, is_dicom, scan_dicom, series_name
from hub_medical.io.volume_files import SUFFIXES, is_volume_file, read_volume, volume_stem
from hub_medical.volumes.volume import Volume

_CHANNEL = re.compile(r"(?P<case>.+)_(?P<channel>\d{4})")


@dataclass(frozen=True, eq=False)
class Scan:
    """One case without labels.

    Attributes:
        channels: one volume per channel.
        series: where it comes from DICOM.
    """

    channels: Sequence[Volume]
    series: Series | None = None


@dataclass(frozen=True, eq=False)
class ScanSource:
    """A case that can be read.

    Attributes:
        case: its name: that of the files, or for DICOM a hash without information about the patient.
        read: reads it.
        origin: what it was read from, to be kept local: files or UIDs by name.
    """

    case: str
    read: Callable[[], Scan]
    origin: Mapping[str, str | Sequence[str]]


def find_scans(path: Path, channels: int, *, gaps: bool = False) -> list[ScanSource]:
    """Find the cases at a place; they are read later, one after the other.

    A file that cannot be read is a case of its own, whose reading fails with the reason.

    Args:
        path: a NIfTI file, a DICOM file, or a folder of NIfTI files, of DICOM series, or of both.
        channels: files of a case; where they are several, as nnU-Net names them: ``case_0000.nii.gz``, ``_0001``, ….
        gaps: allow the even gaps of DICOM series that were acquired with them.

    Raises:
        VolumeError: there is nothing to read, or a case lacks a channel.
        DicomError: a DICOM file cannot be read, or the model needs several channels.
    """
    if not path.exists():
        raise VolumeError(f"{path} does not exist", fix="give a NIfTI file, or a folder of NIfTI files or DICOM series")
    if path.is_file() and path.name.endswith(SUFFIXES):
        return [source for source in _file_sources(path.parent, channels) if str(path) in source.origin["files"]]
    found: list[ScanSource] = []
    if path.is_dir():
        if any(is_volume_file(p) for p in path.iterdir()):
            found = _file_sources(path, channels)
        elif any(path.glob("sub-*")):
            found = _bids_sources(path, channels)
    if not (path.is_file() or is_dicom(path)):
        if not found:
            raise VolumeError(f"{path} holds neither NIfTI files nor DICOM images", fix="check the path")
        return found
    if path.is_file() and not is_dicom(path):
        raise VolumeError(f"{path} holds neither NIfTI files nor DICOM images", fix="check the path")
    if channels > 1 and not found:
        raise EmptySeriesError(
            f"{path} holds DICOM series, but this model reads {channels} images of each case",
            fix="register them, and give NIfTI files named case_0000.nii.gz, case_0001.nii.gz, …",
        )
    return [*found, *_dicom_sources(scan_dicom(path), channels, gaps=gaps)]


def _dicom_sources(scan: DicomScan, channels: int, *, gaps: bool) -> list[ScanSource]:
    sources = []
    folders = set()
    for uid, headers in scan.series.items():
        folders |= {header.file.parent for header in headers}
        origin = {
            "series_instance_uid": headers[0].series,
            "study_instance_uid": headers[0].study,
            "folder": str(headers[0].file.parent),
        }
        sources.append(ScanSource(series_name(headers), partial(_read_series, scan, uid, channels, gaps=gaps), origin))
    for file, error in scan.errors.items():
        if file.parent not in folders:  # those beside a series fail with it
            sources.append(ScanSource(file.name, partial(_fail, error), {"files": [str(file)]}))
    return sources


def _file_sources(folder: Path, channels: int) -> list[ScanSource]:
    return [
        ScanSource(case, partial(_read, case, files), {"files": [str(file) for file in files]})
        for case, files in _cases(folder, channels).items()
    ]


def _bids_sources(root: Path, channels: int) -> list[ScanSource]:
    """The volumes of a BIDS tree, each a case; those of ``derivatives`` are no images."""
    if channels > 1:
        raise VolumeError(
            f"{root} is a BIDS tree, but this model reads {channels} images of each case",
            fix="give a folder with files named case_0000.nii.gz, case_0001.nii.gz, …",
        )
    files = sorted(p for folder in root.glob("sub-*") for p in folder.rglob("*") if is_volume_file(p))
    return [
        ScanSource(volume_stem(file), partial(_read, volume_stem(file), [file]), {"files": [str(file)]})
        for file in files
    ]


def _cases(folder: Path, channels: int) -> dict[str, list[Path]]:
    """Case → its files in the order of channels; a case with two files of one name has both, and fails when read."""
    files: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        if is_volume_file(path):
            files.setdefault(volume_stem(path), []).append(path)
    named = {stem: _CHANNEL.fullmatch(stem) for stem in files}
    if channels == 1:
        # nnU-Net numbers the only channel, too.
        numbered = all(match and match["channel"] == "0000" for match in named.values())
        return {match["case"] if numbered and match else stem: files[stem] for stem, match in named.items()}
    found: dict[str, dict[int, list[Path]]] = {}
    for stem, match in named.items():
        if match:
            found.setdefault(match["case"], {})[int(match["channel"])] = files[stem]
    if not found:
        raise VolumeError(
            f"this model reads {channels} images of each case, and {folder} has none named so",
            fix="name them case_0000.nii.gz, case_0001.nii.gz, …",
        )
    for case, numbers in found.items():
        if sorted(numbers) != list(range(channels)):
            raise VolumeError(
                f"{folder / case} has the channels {', '.join(f'_{n:04}' for n in sorted(numbers))}, but this model "
                f"reads {channels}",
                fix=f"give _0000 to _{channels - 1:04}",
            )
    return {case: [file for n in range(channels) for file in numbers[n]] for case, numbers in found.items()}


def _read(case: str, files: Sequence[Path]) -> Scan:
    stems = [volume_stem(file) for file in files]
    if len(set(stems)) < len(stems):
        raise VolumeError(
            f"case {case} has the files {' and '.join(file.name for file in files)}", fix="leave one of them"
        )
    return Scan([read_volume(file) for file in files])


def _read_series(scan: DicomScan, uid: str, channels: int, *, gaps: bool) -> Scan:
    headers = scan.images(uid)
    if channels > 1:
        raise EmptySeriesError(
            f"{headers[0].file.parent} holds a DICOM series, but this model reads {channels} images of each case",
            fix="register them, and give NIfTI files named case_0000.nii.gz, case_0001.nii.gz, …",
        )
    series = read_series(headers, gaps=gaps)
    return Scan([series.volume], series)


def _fail(error: DicomError) -> Scan:
    raise error
