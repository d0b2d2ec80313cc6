from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hub.errors import ImageError, OptionError
from hub_medical.errors import DicomError, VolumeError
from hub_medical.io.pictures import intensity_rule, picture_size, read_channels

RAMP = np.arange(0, 65536, 1024, dtype=np.uint16).reshape(4, 16)


@pytest.mark.parametrize("name", ["a.png", "a.tiff"])
def test_sixteen_bits_need_a_rule_and_keep_their_top_bits(tmp_path: Path, name: str) -> None:
    Image.fromarray(RAMP).save(tmp_path / name)
    assert picture_size(tmp_path / name) == (4, 16)
    with pytest.raises(OptionError, match="more than 8 bits per channel"):
        read_channels(tmp_path / name, intensity_rule("as-shown"))
    whole = read_channels(tmp_path / name, intensity_rule(("32768/65536",)))
    np.testing.assert_array_equal(whole, np.rint(RAMP / 65536 * 8192).astype(np.int16)[..., None].repeat(3, 2))
    two = read_channels(tmp_path / name, intensity_rule(("1024/2048", "2048/4096")), in_chans=2)
    assert two[0, :4].tolist() == [[0, 0], [4096, 2048], [8192, 4096], [8192, 6144]]
    with pytest.raises(OptionError, match="in_chans is 3, but there are 2 windows"):
        read_channels(tmp_path / name, intensity_rule(("lung", "bone")))


def test_pictures_of_eight_bits_are_shown_as_they_are(tmp_path: Path) -> None:
    colors = np.random.default_rng(0).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    Image.fromarray(colors).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_channels(tmp_path / "a.png", None), colors)
    with pytest.raises(VolumeError, match="RGB pixels, not gray"):
        read_channels(tmp_path / "a.png", intensity_rule("z-score"))


def test_dicom_by_window_and_by_its_own(make_series: Callable[..., list[Path]]) -> None:
    stored = np.array([[[480, 500, 520, 540]]])  # · 2 − 1000: −40, 0, 40, 80 HU
    file = make_series(stored, folder="plain", WindowCenter=20.5, WindowWidth=41)[0]
    assert picture_size(file) == (1, 4)
    by_rule = read_channels(file, intensity_rule(("20/120",)), in_chans=1)[0, :, 0]
    assert by_rule.tolist() == [0, 2731, 5461, 8192]
    assert read_channels(file, None, in_chans=1)[0, :, 0].tolist() == [0, 0, 255, 255]
    inverted = make_series(stored, folder="inverted", PhotometricInterpretation="MONOCHROME1")[0]
    assert read_channels(inverted, intensity_rule(("20/120",)), in_chans=1)[0, :, 0].tolist() == [8192, 5461, 2731, 0]


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="does not exist"):
        read_channels(tmp_path / "no.png", None)
    with pytest.raises(ImageError, match="does not exist"):
        picture_size(tmp_path / "no.dcm")
    (tmp_path / "bad.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\1" * 20)
    with pytest.raises(DicomError):
        picture_size(tmp_path / "bad.dcm")
    Image.fromarray(RAMP).save(tmp_path / "two.tiff", save_all=True, append_images=[Image.fromarray(RAMP)])
    with pytest.raises(VolumeError, match="2 pages"):
        read_channels(tmp_path / "two.tiff", intensity_rule("z-score"))
