"""Images of more than 8 bits, or of other channels than gray and RGB: each value is read exactly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from hub.errors import MissingRequirementError, PixelFormatError
from hub.image_size import image_size, pixel_format
from hub.images import check_image, read_image, to_rgb
from hub.pixel_format import PixelFormat

SIXTEEN = PixelFormat.of("float32", (0, 65535))
DEEP = np.random.default_rng(0).integers(0, 65536, (6, 9, 4), dtype=np.uint16)
BYTES = np.random.default_rng(1).integers(0, 256, (6, 9, 4), dtype=np.uint8)


def tifffile():  # type: ignore[no-untyped-def]
    return pytest.importorskip("tifffile", reason="the optional dependency tifffile is not installed")


def write_png(path: Path, rgba: np.ndarray) -> Path:
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[rgba.shape[2]]
    assert cv2.imwrite(str(path), rgba[..., order])
    return path


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bit_png_keeps_every_bit(tmp_path: Path, channels: int) -> None:
    path = write_png(tmp_path / "a.png", DEEP[..., :channels])
    out = read_image(path, in_chans=channels, pixels=SIXTEEN)
    assert out.dtype == np.float32
    assert np.array_equal(out, DEEP[..., :channels])
    assert pixel_format(path) == SIXTEEN
    assert image_size(path) == (6, 9)


def test_sixteen_bit_colors_are_not_cut_to_their_high_byte(tmp_path: Path) -> None:
    """A model of 8-bit images refuses them, as it refuses 16-bit gray."""
    path = write_png(tmp_path / "a.png", DEEP[..., :3] >> 4)
    with pytest.raises(PixelFormatError, match="more than 8 bits"):
        read_image(path)
    with pytest.raises(PixelFormatError, match="uint8, but float32 is wanted"):
        read_image(write_png(tmp_path / "b.png", BYTES[..., :3]), pixels=SIXTEEN)


def test_the_failing_case(shared_data: Callable[[str], Path]) -> None:
    path = shared_data("coco128").parents[1] / "cases" / "16bit-rgb" / "u16low.png"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    with pytest.raises(PixelFormatError, match="more than 8 bits"):
        read_image(path)
    expected = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[..., ::-1]
    assert np.array_equal(read_image(path, pixels=SIXTEEN), expected)


def test_alpha_is_kept_or_dropped_by_in_chans(tmp_path: Path) -> None:
    Image.fromarray(BYTES).save(tmp_path / "a.png")
    assert np.array_equal(read_image(tmp_path / "a.png", in_chans=4), BYTES)
    assert np.array_equal(read_image(tmp_path / "a.png", in_chans=3), BYTES[..., :3])
    Image.fromarray(BYTES[..., :2].copy(), "LA").save(tmp_path / "gray.png")
    assert np.array_equal(read_image(tmp_path / "gray.png", in_chans=2), BYTES[..., :2])
    assert np.array_equal(read_image(tmp_path / "gray.png", in_chans=1), BYTES[..., :1])
    path = write_png(tmp_path / "deep.png", DEEP)
    assert np.array_equal(read_image(path, in_chans=3, pixels=SIXTEEN), DEEP[..., :3])


def test_deep_colors_become_gray_by_their_luminance(tmp_path: Path) -> None:
    path = write_png(tmp_path / "a.png", DEEP[..., :3])
    expected = DEEP[..., :3].astype(np.float64) @ (0.299, 0.587, 0.114)
    out = read_image(path, in_chans=1, pixels=SIXTEEN)
    np.testing.assert_allclose(out[..., 0], expected, atol=0.51)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_deep_images_are_turned_upright_as_others(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(DEEP[..., 0]).save(tmp_path / "deep.png", exif=exif)
    Image.fromarray(BYTES[..., 0]).save(tmp_path / "bytes.png", exif=exif)
    deep, shallow = (DEEP[..., 0] % 251).astype(np.float32), None
    found = read_image(tmp_path / "deep.png", in_chans=1, pixels=SIXTEEN)
    assert found.shape[:2] == image_size(tmp_path / "deep.png")
    Image.fromarray(deep.astype(np.uint8)).save(tmp_path / "bytes.png", exif=exif)
    shallow = read_image(tmp_path / "bytes.png", in_chans=1)
    assert np.array_equal(found % 251, shallow)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
@pytest.mark.parametrize(
    ("layout", "channels"), [("contig", 6), ("separate", 6), ("pages", 5), ("contig", 3), ("gray", 1), ("separate", 4)]
)
def test_tiff_bands_and_pages_come_back_exactly(tmp_path: Path, dtype: str, layout: str, channels: int) -> None:
    values = np.random.default_rng(2).integers(0, 120, (6, 9, channels)).astype(dtype)
    planes = np.moveaxis(values, 2, 0)
    options = {"photometric": "minisblack", "metadata": None}
    path = tmp_path / "a.tif"
    if layout == "pages":
        with tifffile().TiffWriter(path) as file:
            for plane in planes:
                file.write(plane, contiguous=True, **options)
    elif layout == "gray":
        tifffile().imwrite(path, values[..., 0], **options)
    else:
        array = values if layout == "contig" else planes
        tifffile().imwrite(path, np.ascontiguousarray(array), planarconfig=layout, **options)
    expected = {"uint8": "uint8", "int16": "int16"}.get(dtype, "float32")
    pixels = pixel_format(path)
    assert pixels.dtype == expected
    out = read_image(path, in_chans=channels, pixels=pixels)
    assert out.dtype == expected
    assert np.array_equal(out, values)
    assert image_size(path) == (6, 9)
    if channels > 3:
        with pytest.raises(PixelFormatError, match=f"{channels} channels, but 3 are wanted"):
            read_image(path, pixels=pixels)


def test_deep_tiff_colors_and_further_bands(tmp_path: Path) -> None:
    tifffile().imwrite(tmp_path / "a.tif", DEEP, photometric="rgb", extrasamples=["unspecified"])
    assert np.array_equal(read_image(tmp_path / "a.tif", in_chans=4, pixels=SIXTEEN), DEEP)
    assert np.array_equal(read_image(tmp_path / "a.tif", in_chans=3, pixels=SIXTEEN), DEEP[..., :3])


def test_a_tiff_of_several_color_pages_is_refused(tmp_path: Path) -> None:
    tifffile().imwrite(tmp_path / "a.tif", np.zeros((4, 6, 9, 3), np.uint8), photometric="rgb")
    with pytest.raises(PixelFormatError, match=r"a\.tif has the axes 4 \(Q\) × 6 \(Y\)"):
        read_image(tmp_path / "a.tif")


def test_without_tifffile_the_fix_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tifffile().imwrite(tmp_path / "a.tif", np.zeros((6, 9, 5), np.uint8), photometric="minisblack")
    monkeypatch.setitem(__import__("sys").modules, "tifffile", None)
    with pytest.raises(MissingRequirementError, match=r"pip install 'backbone-hub\[tiff\]'"):
        read_image(tmp_path / "a.tif", in_chans=5)


def test_pixels_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0.5, np.nan]], np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(PixelFormatError, match="not finite"):
        read_image(tmp_path / "a.tif", in_chans=1, pixels=PixelFormat.of("float32"))


def test_the_range_can_be_stated(tmp_path: Path) -> None:
    path = write_png(tmp_path / "a.png", DEEP[..., :3])
    assert pixel_format(path, (0, 4095)) == PixelFormat("float32", (0.0, 4095.0))


def test_arrays_of_sixteen_bits_are_taken_as_files_are() -> None:
    out = check_image(DEEP[..., :3], pixels=SIXTEEN)
    assert out.dtype == np.float32
    assert np.array_equal(out, DEEP[..., :3])
    with pytest.raises(PixelFormatError, match="dtype uint8 is no image for this model"):
        check_image(BYTES[..., :3], pixels=SIXTEEN)


def test_deep_images_are_shown_with_their_contrast() -> None:
    ramp = np.linspace(300, 800, 100, dtype=np.float32).reshape(10, 10, 1)
    shown = to_rgb(ramp)
    assert shown.dtype == np.uint8
    assert (shown.min(), shown.max()) == (0, 255)
    assert shown.shape == (10, 10, 3)
