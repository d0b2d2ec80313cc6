"""The cases of a dataset folder: two folders of NIfTI files, or one that a dataset.json describes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub import LabelSpace
from hub.errors import AnnotationError, OptionError
from hub_medical.errors import MissingGroupError, VolumeError
from hub_medical.io.nifti import SUFFIXES, nifti_stem

_CHANNEL = re.compile(r"(?P<case>.+)_(?P<channel>\d{4})")


@dataclass(frozen=True)
class Case:
    """One case on disk.

    Attributes:
        id: the file's name without its ending.
        patient: the key of its patient.
        images: one file a channel.
        labels: the file of its labels, or None.
    """

    id: str
    patient: str
    images: tuple[Path, ...]
    labels: Path | None


@dataclass(frozen=True)
class Folder:
    """What a dataset folder holds.

    Attributes:
        name: for messages.
        cases: sorted by id.
        names: of the labels with their values; the first is the background, 0.
        ignore: the label value of voxels to ignore, or None.
        channels: what each channel is, such as "CT" or "T1".
    """

    name: str
    cases: Sequence[Case]
    names: LabelSpace
    ignore: int | None = None
    channels: tuple[str, ...] = ("image",)


def open_folder(root: Path, *, images: str, labels: str | None, names: Sequence[str], patient: str) -> Folder:
    """Two folders of NIfTI files with equal names.

    Args:
        root: of the dataset.
        images: folder of the images below it.
        labels: folder of the labels, or None where there are none.
        names: of the label values 0, 1, …; the first is the background.
        patient: regular expression; its first group within a case's id is the patient's key.

    Raises:
        VolumeError: there is no image.
        AnnotationError: an image without labels.
        MissingGroupError: an id in which the expression finds nothing.
    """
    files = _niftis(root / images)
    cases = []
    for id, file in files.items():
        found = None if labels is None else _labels(root / labels, id, file)
        cases.append(Case(id, patient_key(id, patient), (file,), found))
    return Folder(str(root / images), cases, LabelSpace(tuple(names), tuple(range(len(names)))))


def open_msd(root: Path, *, patient: str) -> Folder:
    """A folder with a dataset.json, of the Medical Segmentation Decathlon or of nnU-Net, version 2.

    Raises:
        AnnotationError: the JSON is missing, broken, or has labels made of regions; a case without labels.
        VolumeError, MissingGroupError: as `open_folder`.
    """
    path = root / "dataset.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        channels = data.get("channel_names", data.get("modality", {"0": "image"}))
        channels = tuple(str(channels[key]) for key in sorted(channels, key=int))
        names, ignore = _names(data["labels"])
        listed = data.get("training")
        files = _listed(root, listed) if listed else _channel_files(root, str(data.get("file_ending", SUFFIXES[0])))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise AnnotationError(
            f"{path} is no dataset.json of MSD or nnU-Net: {type(error).__name__}: {error}",
            fix="check the file, or use the format nifti-folder",
        ) from None
    cases = []
    for id, (images, labels) in sorted(files.items()):
        if len(images) != len(channels):
            raise AnnotationError(
                f"{path} tells of {len(channels)} channels, but {id} has {len(images)}", fix="add the missing files"
            )
        found = labels or _labels(root / "labelsTr", id, images[0])
        cases.append(Case(id, patient_key(id, patient), images, found))
    return Folder(str(path), cases, names, ignore, channels)


def patient_key(id: str, pattern: str) -> str:
    """The patient of a case, from its id.

    >>> patient_key("liver_012_followup", r"liver_(\\d+)")
    '012'

    Raises:
        MissingGroupError: the expression finds nothing.
        OptionError: it is no regular expression.
    """
    try:
        found = re.search(pattern, id)
    except re.error as error:
        raise OptionError(f"patient: {pattern!r} is no regular expression: {error}", fix="mend it") from None
    key = found and found[1 if found.re.groups else 0]
    if not key:
        raise MissingGroupError(
            f"no patient in the case id {id!r} by {pattern!r}",
            fix=r"write an expression whose first group is the patient, such as '(.+)' where each case is one",
        )
    return key


def _names(labels: Mapping[str, Any]) -> tuple[LabelSpace, int | None]:
    """From value → name as in MSD, or name → value as in nnU-Net."""
    pairs: dict[int, str] = {}
    for key, value in labels.items():
        if isinstance(value, list):
            raise ValueError(f"label {key!r} is made of regions {value}, which have no map of classes")
        number, name = (int(key), value) if key.isdigit() else (int(value), key)
        pairs[number] = str(name)
    ignore = next((number for number, name in pairs.items() if name == "ignore"), None)
    kept = sorted(number for number in pairs if number != ignore)
    return LabelSpace(tuple(pairs[number] for number in kept), tuple(kept)), ignore


def _listed(root: Path, listed: Sequence[Mapping[str, str]]) -> dict[str, tuple[tuple[Path, ...], Path | None]]:
    return {nifti_stem(row["image"]): ((root / row["image"],), root / row["label"]) for row in listed}


def _channel_files(root: Path, ending: str) -> dict[str, tuple[tuple[Path, ...], Path | None]]:
    if ending not in SUFFIXES:
        raise ValueError(f"files end in {ending}; known are {' and '.join(SUFFIXES)}")
    found: dict[str, list[Path]] = {}
    for stem, file in _niftis(root / "imagesTr").items():
        match = _CHANNEL.fullmatch(stem)
        if not match:
            raise ValueError(f"{file.name} has no channel such as _0000")
        found.setdefault(match["case"], []).append(file)
    return {case: (tuple(files), None) for case, files in found.items()}


def _niftis(folder: Path) -> dict[str, Path]:
    files = sorted(p for p in folder.glob("*") if p.name.endswith(SUFFIXES) and not p.name.startswith("."))
    if not files:
        raise VolumeError(f"{folder} holds no NIfTI file", fix="check root and the names of the folders")
    return {nifti_stem(p): p for p in files}


def _labels(folder: Path, id: str, image: Path) -> Path:
    for suffix in SUFFIXES:
        if (folder / f"{id}{suffix}").is_file():
            return folder / f"{id}{suffix}"
    raise AnnotationError(
        f"{image} has no labels {id}{SUFFIXES[0]} in {folder}", fix="add them, or move the image away"
    )
