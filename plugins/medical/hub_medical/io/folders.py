"""The cases of a dataset folder: two folders of NIfTI files, or one that a dataset.json describes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub import LabelSpace
from hub.errors import AnnotationError, OptionError
from hub_medical.errors import MissingGroupError, NotThreeDimensionalError, VolumeError
from hub_medical.io.volume_files import SUFFIXES, is_volume_file, read_volume, read_volume_grid, volume_stem
from hub_medical.volumes.volume import Grid, Volume

_CHANNEL = re.compile(r"(?P<case>.+)_(?P<channel>\d{4})")


@dataclass(frozen=True)
class Case:
    """One case on disk.

    Attributes:
        id: the file's name without its ending.
        patient: the key of its patient.
        images: one file per channel; one file several times where it holds them along a fourth axis.
        labels: the file of its labels, or None.
        stacked: the channels are the fourth axis of one file, as in the Medical Segmentation Decathlon.
    """

    id: str
    patient: str
    images: tuple[Path, ...]
    labels: Path | None
    stacked: bool = False

    def read_image(self, channel: int) -> Volume:
        """Read one channel; see `hub_medical.io.volume_files.read_volume`."""
        return read_volume(self.images[channel], channel=channel if self.stacked else None)

    def read_images(self) -> list[Volume]:
        """Read all channels."""
        return [self.read_image(channel) for channel in range(len(self.images))]

    def read_grid(self, channel: int) -> Grid:
        """Read the grid of a channel, without its voxels."""
        return read_volume_grid(self.images[channel], channel=channel if self.stacked else None)


@dataclass(frozen=True)
class Folder:
    """What a dataset folder holds.

    Attributes:
        name: for messages.
        cases: sorted by id.
        names: of the labels with their values; the first is the background, 0.
        ignore: the label value of voxels to ignore, or None.
        channels: what each channel is, such as "CT" or "T1".
        regions: structures that are scored as unions of label values, by name; empty where each label is one.
    """

    name: str
    cases: Sequence[Case]
    names: LabelSpace
    ignore: int | None = None
    channels: tuple[str, ...] = ("image",)
    regions: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def structures(self) -> list[str]:
        """What is scored: the regions, or every label but the background."""
        labels = [name for name, value in zip(self.names.names, self.names.ids, strict=True) if value != 0]
        return list(self.regions) or labels


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
        AnnotationError: the JSON is missing or broken; a case without labels.
        VolumeError, MissingGroupError: as `open_folder`.
    """
    path = root / "dataset.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        channels = data.get("channel_names", data.get("modality", {"0": "image"}))
        channels = tuple(str(channels[key]) for key in sorted(channels, key=int))
        names, ignore, regions = _names(data["labels"])
        listed = data.get("training")
        files = _listed(root, listed) if listed else _channel_files(root, str(data.get("file_ending", SUFFIXES[0])))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise AnnotationError(
            f"{path} is no dataset.json of MSD or nnU-Net: {type(error).__name__}: {error}",
            fix="check the file, or use the format nifti-folder",
        ) from None
    cases = []
    for id, (images, labels) in sorted(files.items()):
        stacked = len(images) == 1 < len(channels) and _is_stacked(images[0])
        images = images * len(channels) if stacked else images
        if len(images) != len(channels):
            raise AnnotationError(
                f"{path} describes {len(channels)} channels, but {id} has {len(images)}", fix="add the missing files"
            )
        found = labels or _labels(root / "labelsTr", id, images[0])
        cases.append(Case(id, patient_key(id, patient), images, found, stacked))
    return Folder(str(path), cases, names, ignore, channels, regions)


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
        raise OptionError(f"patient: {pattern!r} is no regular expression: {error}", fix="correct it") from None
    key = found and found[1 if found.re.groups else 0]
    if not key:
        raise MissingGroupError(
            f"no patient in the case id {id!r} by {pattern!r}",
            fix=r"write an expression whose first group is the patient, such as '(.+)' where each case is one",
        )
    return key


def _names(labels: Mapping[str, Any]) -> tuple[LabelSpace, int | None, dict[str, tuple[int, ...]]]:
    """From value → name as in MSD, or name → value or values as in nnU-Net.

    Where a name has several values, structures are regions that may lie within each other. The classes to learn then
    are the values, each called after its smallest region.
    """
    sets: dict[str, tuple[int, ...]] = {}
    for key, value in labels.items():
        if isinstance(value, list):
            sets[key] = tuple(sorted(int(v) for v in value))
        elif key.isdigit():
            sets[str(value)] = (int(key),)
        else:
            sets[key] = (int(value),)
    ignore = next((values[0] for name, values in sets.items() if name == "ignore"), None)
    sets.pop("ignore", None)
    pairs: dict[int, str] = {}
    for name, values in sorted(sets.items(), key=lambda item: len(item[1])):
        for value in values:
            pairs.setdefault(value, name if name not in pairs.values() else f"{name}:{value}")
    kept = sorted(pairs)
    nested = any(len(values) > 1 for values in sets.values())
    regions = {name: values for name, values in sets.items() if values != (0,)} if nested else {}
    return LabelSpace(tuple(pairs[number] for number in kept), tuple(kept)), ignore, regions


def _is_stacked(path: Path) -> bool:
    """Whether a file holds channels along a fourth axis."""
    try:
        read_volume_grid(path)
    except NotThreeDimensionalError:
        return True
    return False


def _listed(root: Path, listed: Sequence[Mapping[str, str]]) -> dict[str, tuple[tuple[Path, ...], Path | None]]:
    return {volume_stem(row["image"]): ((root / row["image"],), root / row["label"]) for row in listed}


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
    files = sorted(p for p in folder.glob("*") if is_volume_file(p))
    if not files:
        raise VolumeError(f"{folder} holds no NIfTI file", fix="check root and the names of the folders")
    found: dict[str, Path] = {}
    for path in files:
        other = found.setdefault(volume_stem(path), path)
        if other != path:
            raise VolumeError(f"{folder} holds {other.name} and {path.name}", fix="leave one of them")
    return found


def _labels(folder: Path, id: str, image: Path) -> Path:
    for suffix in SUFFIXES:
        if (folder / f"{id}{suffix}").is_file():
            return folder / f"{id}{suffix}"
    raise AnnotationError(
        f"{image} has no labels {id}{SUFFIXES[0]} in {folder}", fix="add them, or move the image away"
    )
