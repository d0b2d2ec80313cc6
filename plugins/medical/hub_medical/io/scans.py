"""What is to be predicted: NIfTI files, one or several a case, or DICOM series."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hub_medical.errors import EmptySeriesError, VolumeError
from hub_medical.io.dicom import Series, find_series, is_dicom, read_dicom
from hub_medical.io.nifti import SUFFIXES, nifti_stem, read_nifti
from hub_medical.volumes.volume import Volume

_CHANNEL = re.compile(r"(?P<case>.+)_(?P<channel>\d{4})")


@dataclass(frozen=True, eq=False)
class Scan:
    """One case without labels.

    Attributes:
        case: what to call it: the files' name, or for DICOM a hash that tells nothing of the patient.
        channels: one volume a channel.
        series: where it comes from DICOM.
    """

    case: str
    channels: Sequence[Volume]
    series: Series | None = None


def find_scans(path: Path, channels: int) -> list[Callable[[], Scan]]:
    """The cases at a place, each as a function that reads it.

    Args:
        path: a NIfTI file or a folder of them, or a DICOM file or a folder of series.
        channels: files of a case; where they are several, as nnU-Net names them: ``case_0000.nii.gz``, ``_0001``, ….

    Raises:
        VolumeError: there is nothing to read, or a case lacks a channel.
        DicomError: a DICOM file cannot be read, or the model needs several channels.
    """
    if not path.exists():
        raise VolumeError(f"{path} does not exist", fix="give a NIfTI file, or a folder of NIfTI files or DICOM series")
    if path.is_file() and path.name.endswith(SUFFIXES):
        return [partial(_read, case, files) for case, files in _cases(path.parent, channels).items() if path in files]
    if path.is_dir() and any(_is_nifti(p) for p in path.iterdir()):
        return [partial(_read, case, files) for case, files in _cases(path, channels).items()]
    if not is_dicom(path):
        raise VolumeError(f"{path} holds neither NIfTI files nor DICOM images", fix="check the path")
    if channels > 1:
        raise EmptySeriesError(
            f"{path} holds DICOM series, but this model reads {channels} images of each case",
            fix="register them, and give NIfTI files named case_0000.nii.gz, case_0001.nii.gz, …",
        )
    return [partial(_read_series, path, uid) for uid in find_series(path)]


def _cases(folder: Path, channels: int) -> dict[str, list[Path]]:
    """Case → its files in the order of channels."""
    files = {nifti_stem(p): p for p in sorted(folder.iterdir()) if _is_nifti(p)}
    named = {stem: _CHANNEL.fullmatch(stem) for stem in files}
    if channels == 1:
        # nnU-Net numbers the only channel, too.
        numbered = all(match and match["channel"] == "0000" for match in named.values())
        return {match["case"] if numbered and match else stem: [files[stem]] for stem, match in named.items()}
    found: dict[str, dict[int, Path]] = {}
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
    return {case: [numbers[n] for n in range(channels)] for case, numbers in found.items()}


def _is_nifti(path: Path) -> bool:
    return path.is_file() and path.name.endswith(SUFFIXES) and not path.name.startswith(".")


def _read(case: str, files: Sequence[Path]) -> Scan:
    return Scan(case, [read_nifti(file) for file in files])


def _read_series(path: Path, uid: str) -> Scan:
    series = read_dicom(path, series=uid)
    return Scan(series.key, [series.volume], series)
