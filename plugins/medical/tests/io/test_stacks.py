from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from hub.errors import OptionError
from hub_medical.errors import GridMismatchError, VolumeError
from hub_medical.io.nifti import write_nifti
from hub_medical.io.stacks import fit_square, read_study, spread, study_image
from hub_medical.volumes.intensity import window_rule
from hub_medical.volumes.volume import Volume

WINDOW = window_rule(["128/256"])


@given(st.integers(1, 60), st.integers(1, 60))
def test_slices_are_spread_evenly(count: int, wanted: int) -> None:
    chosen = spread(count, wanted)
    assert len(chosen) == wanted
    assert chosen == sorted(chosen)
    assert chosen[0] >= 0
    assert chosen[-1] < count
    times = np.bincount(chosen, minlength=count)
    assert np.ptp(times) <= 1  # none is left out that others repeat, and none repeats much oftener


def test_a_folder_of_pictures_is_in_the_order_of_its_numbers(tmp_path: Path) -> None:
    for number in (10, 9, 1):
        Image.fromarray(np.full((4, 6), number, np.uint8)).save(tmp_path / f"slice_{number}.png")
    planes, ratio = read_study(tmp_path, None)
    assert planes[0, :, 0, 0].tolist() == [1, 9, 10]
    assert planes.shape == (1, 3, 4, 6)
    assert ratio == 1
    Image.fromarray(np.zeros((4, 7), np.uint8)).save(tmp_path / "slice_11.png")
    with pytest.raises(GridMismatchError):
        read_study(tmp_path, None)


def test_volumes_are_seen_in_the_plane_that_they_were_taken_in(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 256, (5, 8, 10)).astype(np.float32)
    write_nifti(tmp_path / "a.nii.gz", Volume.of(array, np.diag([4.0, 1, 1, 1])))  # thick sagittal slices
    planes, ratio = read_study(tmp_path / "a.nii.gz", WINDOW)
    np.testing.assert_array_equal(planes[0, 2], np.rint(array[2].T[::-1, ::-1] / 256 * 8192))
    assert ratio == 1
    axial, ratio = read_study(tmp_path / "a.nii.gz", WINDOW, plane="axial")
    assert axial.shape == (1, 10, 8, 5)
    assert ratio == 1 / 4  # a pixel is 1 mm high and 4 mm wide
    with pytest.raises(OptionError, match="no intensity rule"):
        read_study(tmp_path / "a.nii.gz", None)


def test_a_dicom_series_in_the_order_of_positions(make_series: Callable[..., list[Path]]) -> None:
    stored = np.stack([np.full((4, 4), 500 + 20 * k) for k in range(3)])
    folder = make_series(stored, positions=np.array([[0.0, 0, 5], [0, 0, 0], [0, 0, 2.5]]))[0].parent
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(folder / "preview.png")  # pictures beside a series do not count
    planes, _ = read_study(folder, window_rule(["50/100"]))
    assert planes[0, :, 0, 0].tolist() == [3277, 6554, 0]  # 40, 80 and 0 HU of 100, in 8192 steps


@pytest.mark.parametrize("ratio", [0.5, 1.0, 3.0])
def test_proportions_are_kept_within_the_square(ratio: float) -> None:
    square = fit_square(np.full((10, 20), 200, np.uint8), 60, ratio)
    rows, columns = np.nonzero(square)
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert height / width == pytest.approx(10 * ratio / 20, rel=0.05)
    assert max(height, width) == 60
    assert abs(rows.min() - (60 - 1 - rows.max())) <= 1


def test_channels_of_a_slice_stay_together() -> None:
    planes = np.arange(6, dtype=np.uint8).reshape(2, 3, 1, 1)  # (C, N, H, W)
    assert study_image(planes, 1.0, side=1, in_chans=6).ravel().tolist() == [0, 3, 1, 4, 2, 5]
    with pytest.raises(OptionError, match="slices of 2 channels"):
        study_image(planes, 1.0, side=1, in_chans=5)


def test_what_is_no_study(tmp_path: Path) -> None:
    with pytest.raises(VolumeError, match="does not exist"):
        read_study(tmp_path / "no", WINDOW)
    with pytest.raises(VolumeError, match="is not a study"):
        read_study(tmp_path, WINDOW)
