"""nnU-Net's dataset format, version 2, to compare with nnU-Net on the same data.

Reference: https://github.com/MIC-DKFZ/nnUNet/blob/master/documentation/dataset_format.md
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hub import LabelSpace
from hub.errors import SaveError
from hub.files import save_error, write_json
from hub_medical.errors import UnknownLabelError, VolumeError
from hub_medical.io.nifti import write_nifti
from hub_medical.volumes.volume import Volume, check_same_grid


@dataclass(frozen=True)
class TrainingCase:
    """A case to export.

    Attributes:
        id: becomes the file's name, so it must not name a patient.
        images: one per channel, on one grid.
        labels: on that grid.
    """

    id: str
    images: Sequence[Volume]
    labels: Volume


def export_nnunet(
    cases: Iterable[TrainingCase],
    out: str | os.PathLike[str],
    *,
    names: LabelSpace,
    channels: Sequence[str],
    folds: Sequence[tuple[Sequence[str], Sequence[str]]] = (),
) -> Path:
    """Write imagesTr, labelsTr and dataset.json; all or nothing.

    Args:
        cases: read one after the other.
        out: the folder to make, by nnU-Net's custom called DatasetNNN_Name; it must not exist, or be empty.
        names: of the labels with their values; nnU-Net needs them without gaps, so values are renumbered in order.
        channels: what each channel is; "CT" chooses nnU-Net's rule for CT.
        folds: (training ids, validation ids) of each fold, for splits_final.json.

    Returns:
        The folder.

    Raises:
        SaveError: the folder is not empty, or cannot be written.
        GridMismatchError: a channel or labels on another grid than the first channel.
        UnknownLabelError: a label value without a name.
        VolumeError: a case with another number of channels, or an id that occurs twice.
    """
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise SaveError(f"{out} is not empty", fix="give a new folder")
    order = sorted(range(len(names)), key=lambda i: names.ids[i])
    values = [names.ids[i] for i in order]
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    except OSError as error:
        raise save_error(out, error) from error
    try:
        written: set[str] = set()
        for case in cases:
            if case.id in written or len(case.images) != len(channels):
                raise VolumeError(
                    f"case {case.id} occurs twice, or has {len(case.images)} of {len(channels)} channels",
                    fix="give every case an id of its own, and all channels",
                )
            written.add(case.id)
            for channel, image in enumerate(case.images):
                check_same_grid(image, case.images[0])
                write_nifti(work / "imagesTr" / f"{case.id}_{channel:04}.nii.gz", image)
            check_same_grid(case.labels, case.images[0])
            write_nifti(work / "labelsTr" / f"{case.id}.nii.gz", _renumbered(case.labels, values))
        description = {
            "channel_names": {str(number): name for number, name in enumerate(channels)},
            "labels": {names.names[i]: number for number, i in enumerate(order)},
            "numTraining": len(written),
            "file_ending": ".nii.gz",
        }
        write_json(work / "dataset.json", description)
        if folds:
            write_json(work / "splits_final.json", [{"train": list(t), "val": list(v)} for t, v in folds])
        work.chmod(0o755)  # mkdtemp makes it the owner's alone
        if out.exists():
            out.rmdir()
        os.replace(work, out)
    except OSError as error:
        raise save_error(out, error) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return out


def _renumbered(labels: Volume, values: Sequence[int]) -> Volume:
    found = np.unique(labels.array)
    unknown = sorted(set(found.tolist()) - set(values))
    if unknown:
        raise UnknownLabelError(f"{labels.name}: label {unknown[0]} has no name", fix="name it among the labels")
    return labels.with_array(np.searchsorted(values, labels.array).astype(np.uint8))
