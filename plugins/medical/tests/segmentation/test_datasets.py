from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from hub.errors import AnnotationError, DataError, OptionError
from hub_medical.errors import (
    GridMismatchError,
    MissingGroupError,
    PatientOverlapError,
    UnknownLabelError,
    VolumeError,
)
from hub_medical.segmentation.datasets import Msd, NiftiFolder
from hub_medical.volumes.slicing import put_planes

NEEDS = frozenset({"semantic"})
AFFINE = np.diag([-1.0, 1.0, 2.0, 1.0])


def save(path: Path, array: np.ndarray, affine: np.ndarray = AFFINE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, affine), path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Six cases of three patients; labels 1 in the upper third."""
    random = np.random.default_rng(0)
    for number in range(6):
        image = random.normal(size=(5, 6, 9)).astype(np.float32)
        labels = np.zeros(image.shape, np.uint8)
        labels[1:3, 1:4, 6:] = 1
        save(tmp_path / "imagesTr" / f"p{number // 2}_{number}.nii.gz", image + 3 * labels)
        save(tmp_path / "labelsTr" / f"p{number // 2}_{number}.nii.gz", labels)
    return tmp_path


def folder(root: Path, **options: Any) -> NiftiFolder:
    return NiftiFolder(NiftiFolder.Options(**{"root": str(root), "patient": "p(.)", "folds": 3, **options}))


def test_slices_lie_as_radiologists_look_at_them(root: Path) -> None:
    """The patient's right is on the left, front is on top; the file runs from right to left."""
    dataset = folder(root)
    assert len(dataset) == 6 * 9
    assert dataset.ids[7] == "p0_0/007"
    sample = dataset.load(7, NEEDS, in_chans=1)
    labels = np.asarray(nib.load(root / "labelsTr" / "p0_0.nii.gz").dataobj)[:, :, 7]
    np.testing.assert_array_equal(sample.maps["semantic"], labels.T[::-1])
    assert sample.image.shape == (6, 5, 1)
    assert sample.original_size == (6, 5) == tuple(dataset.sizes[7])


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_neighbours_are_channels_and_planes_make_the_volume_again(root: Path, plane: str) -> None:
    dataset = folder(root, plane=plane, spacing=(1.0, 0.5, 2.0))
    count = int((dataset.slices[:, 0] == 0).sum())
    single = [dataset.load(i, NEEDS, in_chans=1) for i in range(count)]
    for i in (0, 1, count - 1):
        image = dataset.load(i, frozenset(), in_chans=5).image
        for channel, offset in enumerate(range(-2, 3)):
            expected = single[min(max(i + offset, 0), count - 1)].image[..., 0]
            np.testing.assert_array_equal(image[..., channel], expected)
    volume = put_planes(np.stack([s.maps["semantic"] for s in single]), plane)  # type: ignore[arg-type]
    assert volume.shape == (5, 12, 9)
    assert volume.sum() == 2 * 2 * 3 * 3


def test_patients_are_on_one_side(root: Path) -> None:
    for fold in range(3):
        sides = {s: {c.patient for c in folder(root, split=s, fold=fold).cases} for s in ("train", "val")}
        assert len(sides["train"]) == 2
        assert len(sides["val"]) == 1
        assert not sides["train"] & sides["val"]
    with pytest.raises(MissingGroupError, match="no patient in the case id"):
        folder(root, patient="x(.)")
    (root / "splits.json").write_text(json.dumps([{"train": ["p0_0"], "val": ["p0_1"]}]))
    with pytest.raises(PatientOverlapError):
        folder(root, split="val", splits="splits.json")
    (root / "splits.json").write_text(json.dumps([{"train": ["p0_0"], "val": ["p1_2"]}]))
    assert [c.id for c in folder(root, split="val", splits="splits.json").cases] == ["p1_2"]
    with pytest.raises(AnnotationError, match="no split for fold 1"):
        folder(root, split="val", splits="splits.json", fold=1)


def test_a_patient_is_required(root: Path) -> None:
    with pytest.raises(ValueError, match="patient"):
        NiftiFolder.Options(root=str(root))  # type: ignore[call-arg]


def test_foreground_is_shown_as_often_as_asked_in_training_alone(root: Path) -> None:
    def share(**options: Any) -> float:
        dataset = folder(root, **options)
        return float(np.mean([(dataset.load(i, NEEDS).maps["semantic"] > 0).any() for i in range(len(dataset))]))

    assert share(split="train") == share(split="val", foreground=0.6) == pytest.approx(1 / 3)
    assert 0.6 <= share(split="train", foreground=0.6) < 0.65
    dataset = folder(root, split="train", foreground=0.6)
    assert len(set(dataset.ids)) == len(dataset) == len(dataset.sizes)


def test_ct_statistics_come_from_the_training_side(root: Path) -> None:
    sides = [folder(root, split=side, intensity="ct").rules for side in ("train", "val")]
    assert sides[0] == sides[1]
    assert sides[0] != folder(root, split="train", intensity="ct", fold=1).rules
    given = folder(root, intensity="ct", ct=(-1.0, 4.0, 2.0, 1.0))
    assert given.rules[0].to_dict() == {"rule": "ct", "low": -1.0, "high": 4.0, "mean": 2.0, "std": 1.0}


def test_windows_are_channels_of_every_slice(root: Path) -> None:
    dataset = folder(root, intensity=["0/4", "2/2"])
    assert dataset.load(4, NEEDS, in_chans=2).image.shape == (6, 5, 2)
    three = dataset.load(4, NEEDS, in_chans=6).image
    np.testing.assert_array_equal(three[..., 2:4], dataset.load(4, NEEDS, in_chans=2).image)
    with pytest.raises(OptionError, match="in_chans is 3, for slices of 2 channels"):
        dataset.load(4, NEEDS, in_chans=3)


def test_the_cache_changes_nothing_and_workers_can_have_the_dataset(root: Path) -> None:
    dataset, small = folder(root), folder(root, cache_mb=0)
    copy = pickle.loads(pickle.dumps(dataset))
    for i in (0, 50, 3, 20, 0):
        one, two, three = (d.load(i, NEEDS, in_chans=3) for d in (dataset, small, copy))
        np.testing.assert_array_equal(one.image, two.image)
        np.testing.assert_array_equal(one.image, three.image)
        np.testing.assert_array_equal(one.maps["semantic"], two.maps["semantic"])
    assert len(small._cache) == 1


def test_labels_must_fit_their_image(root: Path) -> None:
    path = root / "labelsTr" / "p1_2.nii.gz"
    save(path, np.zeros((5, 6, 8), np.uint8))
    with pytest.raises(GridMismatchError, match=r"p1_2\.nii\.gz has shape \(5, 6, 8\), but its image"):
        folder(root)
    save(path, np.zeros((5, 6, 9), np.uint8), np.diag([-1.0, 1.0, 2.1, 1.0]))
    with pytest.raises(GridMismatchError, match="has another affine than its image"):
        folder(root)
    save(path, np.full((5, 6, 9), 4, np.uint8))
    with pytest.raises(UnknownLabelError, match="the first is 4; known are 0, 1"):
        folder(root).load(18, NEEDS)
    path.unlink()
    with pytest.raises(AnnotationError, match="has no labels"):
        folder(root)


def test_images_alone(root: Path, tmp_path: Path) -> None:
    dataset = folder(root, labels=None)
    assert dataset.provides == frozenset()
    assert dataset.load(0, frozenset()).maps == {}
    with pytest.raises(DataError, match="has no labels to take"):
        folder(root, labels=None, intensity="ct")
    with pytest.raises(VolumeError, match="holds no NIfTI file"):
        folder(root, images="imagesTs")


DECATHLON = {
    "modality": {"0": "MRI"},
    "labels": {"0": "background", "2": "tail", "1": "head"},
    "training": [
        {"image": f"./imagesTr/{case}.nii.gz", "label": f"./labelsTr/{case}.nii.gz"}
        for case in (f"p{number // 2}_{number}" for number in range(6))
    ],
}


def test_decathlon(root: Path) -> None:
    (root / "dataset.json").write_text(json.dumps(DECATHLON))
    dataset = Msd(Msd.Options(root=str(root), patient="p(.)"))
    assert dataset.label_spaces["semantic"].names == ("background", "head", "tail")
    assert len(dataset) == 54
    assert dataset.truth.volume(0).array.max() == 1


def test_nnunet_with_two_channels_and_ignored_voxels(root: Path) -> None:
    for image in sorted((root / "imagesTr").iterdir()):
        array = np.asarray(nib.load(image).dataobj)
        save(image.with_name(image.name.replace(".nii", "_0001.nii")), 2 * array)
        image.rename(image.with_name(image.name.replace(".nii", "_0000.nii")))
    labels = np.zeros((5, 6, 9), np.uint8)
    labels[0] = 5
    save(root / "labelsTr" / "p0_0.nii.gz", labels)
    data = {
        "channel_names": {"0": "T1", "1": "T2"},
        "labels": {"background": 0, "thing": 1, "ignore": 5},
        "numTraining": 6,
        "file_ending": ".nii.gz",
    }
    (root / "dataset.json").write_text(json.dumps(data))
    dataset = Msd(Msd.Options(root=str(root), patient="p(.)"))
    sample = dataset.load(0, NEEDS, in_chans=2)
    assert sample.image.shape == (6, 5, 2)
    assert set(np.unique(sample.maps["semantic"])) == {0, 255}
    np.testing.assert_array_equal(sample.image[..., 0], sample.image[..., 1])  # z-scores know no scale


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"labels": None}, "is no dataset.json"),
        ({"modality": {"0": "T1", "1": "T2"}}, "describes 2 channels"),
    ],
)
def test_broken_descriptions(root: Path, change: Mapping[str, Any], why: str) -> None:
    (root / "dataset.json").write_text(json.dumps({**DECATHLON, **change}))
    with pytest.raises(AnnotationError, match=why):
        Msd(Msd.Options(root=str(root), patient="p(.)"))


def test_the_real_hippocampi(shared_data: Callable[[str], Path]) -> None:
    names = ("background", "anterior", "posterior")
    sides = [
        folder(shared_data("hippocampus"), patient="(.+)", folds=4, split=split, names=names)
        for split in ("train", "val")
    ]
    assert [len(side.cases) for side in sides] == [60, 20]
    sample = sides[1].load(17, NEEDS, in_chans=3)
    assert sample.image.shape[2] == 3
    assert sample.image.std() > 20
    assert set(np.unique(sample.maps["semantic"])) <= {0, 1, 2}
