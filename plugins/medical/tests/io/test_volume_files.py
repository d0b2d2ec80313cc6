"""Volumes of every format that archives use, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from hub_medical.errors import NotThreeDimensionalError, UnknownLabelError, VolumeError
from hub_medical.io.folders import open_msd
from hub_medical.io.scans import find_scans
from hub_medical.io.volume_files import read_labels, read_volume, read_volume_grid
from hub_medical.metrics import score_case
from hub_medical.segmentation.datasets import Msd
from hub_medical.volumes.volume import Volume

ARRAY = np.random.default_rng(0).normal(size=(5, 6, 7)).astype(np.float32)
AFFINE = np.array([[0, -0.8, 0, 3], [0.9, 0, 0, -5], [0, 0, -2.0, 40], [0, 0, 0, 1]])


@pytest.mark.parametrize("ending", [".nrrd", ".mha", ".mhd", ".nhdr"])
def test_nrrd_and_metaimage_lie_where_the_same_nifti_lies(tmp_path: Path, ending: str) -> None:
    nib.save(nib.Nifti1Image(ARRAY, AFFINE), tmp_path / "a.nii.gz")
    sitk.WriteImage(sitk.ReadImage(str(tmp_path / "a.nii.gz")), str(tmp_path / f"b{ending}"))
    expected, found = read_volume(tmp_path / "a.nii.gz"), read_volume(tmp_path / f"b{ending}")
    np.testing.assert_allclose(found.affine, expected.affine, atol=1e-4)
    np.testing.assert_allclose(found.array, expected.array, atol=1e-5)
    assert read_volume_grid(tmp_path / f"b{ending}").matches(expected.grid)


def test_what_nrrd_files_are_refused_for(tmp_path: Path) -> None:
    with pytest.raises(VolumeError, match="does not exist"):
        read_volume(tmp_path / "none.nrrd")
    (tmp_path / "bad.nrrd").write_text("no")
    with pytest.raises(VolumeError, match="cannot be read as NRRD"):
        read_volume(tmp_path / "bad.nrrd")
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((4, 5, 6, 3)), isVector=True), str(tmp_path / "color.nrrd"))
    with pytest.raises(VolumeError, match="3 values per voxel"):
        read_volume(tmp_path / "color.nrrd")
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((2, 4, 5, 6)), isVector=False), str(tmp_path / "time.nrrd"))
    with pytest.raises(NotThreeDimensionalError):
        read_volume(tmp_path / "time.nrrd")


def test_nifti_without_an_affine_or_with_other_voxels_than_real_numbers(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(ARRAY, None), tmp_path / "nowhere.nii")
    with pytest.raises(VolumeError, match="has no affine"):
        read_volume(tmp_path / "nowhere.nii")
    nib.save(nib.Nifti1Image(ARRAY.astype(np.complex64), AFFINE), tmp_path / "complex.nii")
    with pytest.raises(VolumeError, match="voxels of complex64, not real numbers"):
        read_volume(tmp_path / "complex.nii")


def test_labels_with_scale_factors_are_rounded(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.array([0, 100, 200], np.int16).reshape(3, 1, 1), AFFINE)
    image.header.set_slope_inter(0.009999999, 0)
    nib.save(image, tmp_path / "a.nii")
    assert nib.load(tmp_path / "a.nii").get_fdata().max() != 2
    assert read_labels(tmp_path / "a.nii", {0, 1, 2}).array.ravel().tolist() == [0, 1, 2]
    nib.save(nib.Nifti1Image(np.full((2, 2, 2), 1.01, np.float32), AFFINE), tmp_path / "b.nii")
    with pytest.raises(UnknownLabelError, match="the first is 1.01"):
        read_labels(tmp_path / "b.nii")


def four_dimensional(root: Path) -> Path:
    """As Task01 of the Medical Segmentation Decathlon: modalities along the fourth axis."""
    for folder in ("imagesTr", "labelsTr"):
        (root / folder).mkdir()
    stack = np.stack([ARRAY, 10 + 2 * ARRAY], axis=3)
    nib.save(nib.Nifti1Image(stack, AFFINE), root / "imagesTr" / "a.nii.gz")
    labels = np.random.default_rng(1).integers(0, 4, ARRAY.shape).astype(np.uint8)
    nib.save(nib.Nifti1Image(labels, AFFINE), root / "labelsTr" / "a.nii.gz")
    return root


def test_modalities_along_the_fourth_axis(tmp_path: Path) -> None:
    root = four_dimensional(tmp_path)
    description = {
        "modality": {"0": "FLAIR", "1": "T1w"},
        "labels": {"0": "background", "1": "edema", "2": "core", "3": "enhancing"},
        "training": [{"image": "./imagesTr/a.nii.gz", "label": "./labelsTr/a.nii.gz"}],
    }
    (root / "dataset.json").write_text(json.dumps(description))
    data = Msd(Msd.Options(root=str(root), patient="(.+)"))
    image = data.load(0, frozenset(), in_chans=2).image
    np.testing.assert_allclose(image[:, :, 0], image[:, :, 1], atol=2)  # each channel is z-scored by itself
    (case,) = open_msd(root, patient="(.+)").cases
    np.testing.assert_allclose(case.read_image(1).array, 10 + 2 * ARRAY, rtol=1e-6)
    description["modality"]["2"] = "T2w"  # type: ignore[index]
    (root / "dataset.json").write_text(json.dumps(description))
    with pytest.raises(NotThreeDimensionalError, match="no channel 2"):
        Msd(Msd.Options(root=str(root), patient="(.+)"))


def test_regions_are_scored_as_unions_of_labels(tmp_path: Path) -> None:
    """As BraTS in nnU-Net's format: whole tumor, core and enhancing tumor lie within each other."""
    root = four_dimensional(tmp_path)
    (root / "imagesTr" / "a.nii.gz").unlink()
    nib.save(nib.Nifti1Image(ARRAY, AFFINE), root / "imagesTr" / "a_0000.nii.gz")
    description = {
        "channel_names": {"0": "T1"},
        "labels": {"background": 0, "whole": [1, 2, 3], "core": [2, 3], "enhancing": [3]},
        "regions_class_order": [1, 2, 3],
        "file_ending": ".nii.gz",
    }
    (root / "dataset.json").write_text(json.dumps(description))
    folder = open_msd(root, patient="(.+)")
    assert dict(zip(folder.names.ids, folder.names.names, strict=True)) == {
        **{0: "background", 1: "whole", 2: "core", 3: "enhancing"}
    }
    assert folder.structures == ["whole", "core", "enhancing"]
    truth = read_labels(root / "labelsTr" / "a.nii.gz")
    wrong = Volume(np.where(truth.array == 3, 2, truth.array), truth.grid)  # enhancing taken for the rest of the core
    score = score_case("a", "a", wrong, truth, folder.names, tolerance=None, regions=folder.regions)
    assert (score.structures["whole"].dice, score.structures["core"].dice) == (1, 1)
    assert score.structures["enhancing"].dice == 0


def test_a_bids_tree(tmp_path: Path) -> None:
    for path in (
        "sub-01/anat/sub-01_T1w.nii.gz",
        "sub-02/ses-1/anat/sub-02_ses-1_T1w.nii.gz",
        "derivatives/x/sub-01.nii",
    ):
        (tmp_path / path).parent.mkdir(parents=True)
        nib.save(nib.Nifti1Image(ARRAY, AFFINE), tmp_path / path)
    (tmp_path / "dataset_description.json").write_text("{}")
    assert [source.case for source in find_scans(tmp_path, 1)] == ["sub-01_T1w", "sub-02_ses-1_T1w"]
