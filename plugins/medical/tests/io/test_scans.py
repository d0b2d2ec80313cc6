from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from hub_medical.errors import DicomError, VolumeError
from hub_medical.io.scans import find_scans

ARRAY = np.zeros((3, 4, 5), np.float32)


def save(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for number, name in enumerate(names):
        nib.save(nib.Nifti1Image(ARRAY + number, np.eye(4)), folder / name)
    return folder


def test_a_file_is_one_case_and_a_folder_many(tmp_path: Path) -> None:
    folder = save(tmp_path / "scans", "b.nii.gz", "a.nii", ".hidden.nii")
    (folder / "notes.txt").write_text("nothing")
    assert [source.case for source in find_scans(folder, 1)] == ["a", "b"]
    (read,) = find_scans(folder / "b.nii.gz", 1)
    assert read.case == "b"
    assert read.read().series is None


def test_channels_are_put_together_by_nnunets_names(tmp_path: Path) -> None:
    folder = save(tmp_path / "scans", "y_0001.nii.gz", "x_0000.nii.gz", "x_0001.nii.gz", "y_0000.nii.gz")
    scans = [(s.case, s.read()) for s in find_scans(folder, 2)]
    assert [(case, [float(c.array.max()) for c in s.channels]) for case, s in scans] == [("x", [1, 2]), ("y", [3, 0])]
    (read,) = find_scans(folder / "y_0001.nii.gz", 2)
    assert read.case == "y"
    with pytest.raises(VolumeError, match="x has the channels _0000, _0001, but this model reads 3"):
        find_scans(folder, 3)
    with pytest.raises(VolumeError, match="none named so"):
        find_scans(save(tmp_path / "others", "x.nii.gz"), 2)


def test_the_number_of_an_only_channel_is_no_part_of_the_case(tmp_path: Path) -> None:
    folder = save(tmp_path / "scans", "a_0000.nii.gz", "b_0000.nii.gz")
    assert [source.case for source in find_scans(folder, 1)] == ["a", "b"]
    save(folder, "b_0001.nii.gz")  # a number of something else, then
    assert [source.case for source in find_scans(folder, 1)] == ["a_0000", "b_0000", "b_0001"]


def test_dicom_series_by_a_hash(make_series: Callable[..., list[Path]]) -> None:
    for number in range(2):
        files = make_series(np.full((3, 4, 5), number), folder=f"deep/{number}", series=f"1.2.{number}")
    root = files[0].parent.parent
    scans = find_scans(root, 1)
    assert len({scan.case for scan in scans}) == 2
    assert all(scan.case.startswith("series-") and scan.read().series is not None for scan in scans)
    (read,) = find_scans(files[0].parent, 1)
    assert read.read().channels[0].array.shape == (5, 4, 3)
    with pytest.raises(DicomError, match="reads 2 images of each case"):
        find_scans(root, 2)


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(VolumeError, match="does not exist"):
        find_scans(tmp_path / "none", 1)
    (tmp_path / "readme.txt").write_text("nothing")
    for path in (tmp_path, tmp_path / "readme.txt"):
        with pytest.raises(VolumeError, match="neither NIfTI files nor DICOM images"):
            find_scans(path, 1)
