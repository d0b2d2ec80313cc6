from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from hub_medical.errors import GridMismatchError, VolumeError
from hub_medical.io.images import read_planes, read_stack

DEEP = np.random.default_rng(0).integers(0, 65536, (3, 5, 7)).astype(np.uint16)


def test_sixteen_bits_survive(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "pages.tif", DEEP, photometric="minisblack")
    Image.fromarray(DEEP[0]).save(tmp_path / "one.png")
    Image.fromarray((DEEP[0] >> 8).astype(np.uint8)).save(tmp_path / "eight.png")
    np.testing.assert_array_equal(read_planes(tmp_path / "pages.tif"), DEEP)
    np.testing.assert_array_equal(read_planes(tmp_path / "one.png")[0], DEEP[0])
    assert read_planes(tmp_path / "eight.png").dtype == np.uint8


def test_a_stack_is_a_volume(tmp_path: Path) -> None:
    files = []
    for number, plane in enumerate(DEEP):
        files.append(tmp_path / f"{number}.tif")
        tifffile.imwrite(files[-1], plane)
    volume = read_stack(files, spacing=(0.5, 0.6, 3))
    assert (volume.array.shape, volume.spacing, volume.orientation) == ((7, 5, 3), (0.5, 0.6, 3.0), "LPS")
    np.testing.assert_array_equal(volume.array[:, :, 1].T, DEEP[1])


def test_what_is_refused(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "rgb.png")
    with pytest.raises(VolumeError, match="RGB pixels"):
        read_planes(tmp_path / "rgb.png")
    with pytest.raises(VolumeError, match="does not exist"):
        read_planes(tmp_path / "none.png")
    (tmp_path / "bad.png").write_text("no")
    with pytest.raises(VolumeError, match="cannot be decoded"):
        read_planes(tmp_path / "bad.png")
    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    Image.new("L", (5, 4)).save(tmp_path / "b.png")
    with pytest.raises(GridMismatchError, match="differ in size"):
        read_stack([tmp_path / "a.png", tmp_path / "b.png"], spacing=(1, 1, 1))
