from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from hub_medical.errors import (
    NonFiniteVoxelsError,
    NotThreeDimensionalError,
    UnknownLabelError,
    VolumeError,
)
from hub_medical.io.nifti import read_grid, read_nifti, write_nifti
from hub_medical.io.volume_files import read_labels
from hub_medical.volumes.volume import Volume

OBLIQUE = np.array([[-1.8, 0.3, 0.1, 40.0], [0.3, 0.9, -0.4, -7.5], [0.05, 0.2, 3.0, 12.25], [0, 0, 0, 1]])


def save(path: Path, array: np.ndarray, affine: np.ndarray | None = None) -> Path:
    nib.save(nib.Nifti1Image(array, np.eye(4) if affine is None else affine), path)
    return path


def test_round_trip_keeps_voxels_and_affine_as_itk_reads_them(tmp_path: Path) -> None:
    array = np.random.default_rng(0).normal(size=(4, 5, 6)).astype(np.float32)
    turned = np.diag([-2.0, 1.5, 3.0, 1.0])
    turned[:3, 3] = 10.5, -3.25, 7
    path = write_nifti(tmp_path / "a.nii.gz", Volume.of(array, turned))
    again = read_nifti(path)
    np.testing.assert_array_equal(again.array, array)
    np.testing.assert_allclose(again.affine, turned, atol=1e-4)
    assert (again.spacing, again.orientation) == ((2.0, 1.5, 3.0), "LAS")
    image = sitk.ReadImage(str(path))
    np.testing.assert_allclose(image.GetSpacing(), (2, 1.5, 3))
    np.testing.assert_allclose(image.GetOrigin(), (-10.5, 3.25, 7), atol=1e-4)  # LPS
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image).transpose(2, 1, 0), array)


def test_a_sheared_affine_survives(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "a.nii", Volume.of(np.zeros((2, 3, 4), np.uint8), OBLIQUE))
    np.testing.assert_allclose(read_grid(path).affine, OBLIQUE, atol=1e-4)


def test_the_same_voxels_give_the_same_bytes(tmp_path: Path) -> None:
    volume = Volume.of(np.arange(24, dtype=np.uint8).reshape(2, 3, 4), np.eye(4))
    one, other = (write_nifti(tmp_path / name, volume).read_bytes() for name in ("a.nii.gz", "b.nii.gz"))
    assert one == other


def test_a_fourth_axis_of_one_is_a_volume_and_of_two_is_refused(tmp_path: Path) -> None:
    assert read_nifti(save(tmp_path / "one.nii", np.ones((2, 3, 4, 1), np.float32))).array.shape == (2, 3, 4)
    with pytest.raises(NotThreeDimensionalError, match=r"two\.nii has shape \(2, 3, 4, 2\)"):
        read_nifti(save(tmp_path / "two.nii", np.ones((2, 3, 4, 2), np.float32)))


def test_non_finite_voxels_are_counted_and_placed(tmp_path: Path) -> None:
    array = np.zeros((2, 3, 4), np.float32)
    array[1, 2, 3], array[1, 0, 0] = np.nan, np.inf
    with pytest.raises(NonFiniteVoxelsError, match=r"2 voxels are NaN or infinite, the first at \(1, 0, 0\)"):
        read_nifti(save(tmp_path / "bad.nii", array))


def test_labels_must_be_whole_and_known(tmp_path: Path) -> None:
    array = np.array([0, 1, 3], np.float32).reshape(3, 1, 1)
    path = save(tmp_path / "labels.nii", array)
    assert read_labels(path).array.dtype == np.uint8
    with pytest.raises(UnknownLabelError, match="the first is 3; known are 0, 1, 2"):
        read_labels(path, (0, 1, 2))
    with pytest.raises(UnknownLabelError, match=r"the first is 0\.5"):
        read_labels(save(tmp_path / "half.nii", array / 2))


@pytest.mark.parametrize("cut", [10, 400])
def test_damaged_files(tmp_path: Path, cut: int) -> None:
    path = write_nifti(tmp_path / "a.nii", Volume.of(np.zeros((9, 9, 9), np.float32), np.eye(4)))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(VolumeError, match=r"a\.nii cannot be"):
        read_nifti(path)
    with pytest.raises(VolumeError, match="does not exist"):
        read_nifti(tmp_path / "none.nii")


def test_a_flat_affine_is_refused(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.zeros((2, 2, 2), np.float32), np.eye(4))
    image.set_sform(np.diag([1.0, 1.0, 0.0, 1.0]), 1)
    nib.save(image, tmp_path / "flat.nii")
    with pytest.raises(VolumeError, match="places no volume in space"):
        read_nifti(tmp_path / "flat.nii")


def test_real_volumes(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    root = shared_data("hippocampus")
    for path in sorted((root / "labelsTr").glob("*.nii.gz"))[:5]:
        labels = read_labels(path, (0, 1, 2))
        again = read_labels(write_nifti(tmp_path / path.name, labels))
        np.testing.assert_array_equal(again.array, labels.array)
        np.testing.assert_allclose(again.affine, nib.load(path).affine, atol=1e-4)
