from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from hub import LabelSpace
from hub.errors import SaveError
from hub_medical.errors import GridMismatchError, UnknownLabelError
from hub_medical.io.nifti import read_nifti
from hub_medical.io.nnunet import TrainingCase, export_nnunet
from hub_medical.io.volume_files import read_labels
from hub_medical.segmentation.datasets import Msd
from hub_medical.volumes.volume import Volume

NAMES = LabelSpace(("background", "liver", "tumour"), (0, 6, 9))
AFFINE = np.diag([-1.0, 1.2, 3.0, 1.0])


def case(id: str, *, values: tuple[int, ...] = (0, 6, 9), shift: float = 0.0) -> TrainingCase:
    random = np.random.default_rng(0)
    shifted = AFFINE.copy()
    shifted[0, 3] = shift
    image = Volume.of(random.normal(size=(4, 5, 6)).astype(np.float32), AFFINE)
    labels = Volume.of(random.choice(values, (4, 5, 6)).astype(np.uint8), shifted)
    return TrainingCase(id, [image, image], labels)


def test_the_layout_that_nnunet_reads(tmp_path: Path) -> None:
    out = tmp_path / "Dataset001_Liver"
    folds = [(["a"], ["b"])]
    export_nnunet([case("a"), case("b")], out, names=NAMES, channels=["CT", "PET"], folds=folds)
    files = sorted(str(p.relative_to(out)) for p in out.rglob("*") if p.is_file())
    images = [f"imagesTr/{c}_000{n}.nii.gz" for c in "ab" for n in (0, 1)]
    assert files == ["dataset.json", *images, "labelsTr/a.nii.gz", "labelsTr/b.nii.gz", "splits_final.json"]
    assert json.loads((out / "dataset.json").read_text()) == {
        "channel_names": {"0": "CT", "1": "PET"},
        "labels": {"background": 0, "liver": 1, "tumour": 2},
        "numTraining": 2,
        "file_ending": ".nii.gz",
    }
    labels = read_labels(out / "labelsTr" / "a.nii.gz")
    np.testing.assert_array_equal(np.array([0, 6, 9])[labels.array], case("a").labels.array)
    np.testing.assert_allclose(labels.affine, AFFINE)
    ours = Msd(Msd.Options(root=str(out), patient="(.+)", split="val", splits="splits_final.json"))
    assert [c.id for c in ours.cases] == ["b"]


def test_nothing_half_written(tmp_path: Path) -> None:
    out = tmp_path / "Dataset001_Liver"
    with pytest.raises(UnknownLabelError, match="label 7"):
        export_nnunet([case("a"), case("b", values=(0, 7))], out, names=NAMES, channels=["CT", "PET"])
    with pytest.raises(GridMismatchError, match="has another affine"):
        export_nnunet([case("a", shift=1)], out, names=NAMES, channels=["CT", "PET"])
    assert list(tmp_path.iterdir()) == []
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    with pytest.raises(SaveError, match="is not empty"):
        export_nnunet([case("a")], out, names=NAMES, channels=["CT", "PET"])


def test_real_volumes_are_the_same_in_the_export(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    root = shared_data("hippocampus")
    paths = sorted((root / "imagesTr").glob("*.nii.gz"))[:3]
    cases = [TrainingCase(p.name[:-7], [read_nifti(p)], read_labels(root / "labelsTr" / p.name)) for p in paths]
    out = export_nnunet(cases, tmp_path / "out", names=LabelSpace(("bg", "a", "p"), (0, 1, 2)), channels=["MRI"])
    for path in paths:
        written = nib.load(out / "imagesTr" / path.name.replace(".nii", "_0000.nii"))
        np.testing.assert_array_equal(written.get_fdata(), nib.load(path).get_fdata())
        np.testing.assert_allclose(written.affine, nib.load(path).affine, atol=1e-4)
