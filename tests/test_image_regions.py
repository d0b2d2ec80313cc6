"""Windows of image files: the same pixels as of the whole image, decoded where they are needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hub.errors import ImageError, PixelFormatError
from hub.image_regions import ImageRegions
from hub.images import read_image
from hub.pixel_format import PixelFormat

PIXELS = np.random.default_rng(0).integers(0, 256, (150, 230, 3), dtype=np.uint8)
PARTS = [(slice(0, 1), slice(0, 1)), (slice(0, 150), slice(0, 230)), (slice(30, 99), slice(60, 228)),
         (slice(149, 150), slice(229, 230)), (slice(64, 128), slice(0, 32))]  # fmt: skip


def write(path: Path, array: np.ndarray, **options: Any) -> Path:
    tifffile = pytest.importorskip("tifffile", reason="the optional dependency tifffile is not installed")
    tifffile.imwrite(path, array, **{"photometric": "rgb", **options})
    return path


@pytest.mark.parametrize(
    "options",
    [{"tile": (64, 48)}, {"tile": (32, 32), "compression": "zlib"}, {"rowsperstrip": 7}, {"rowsperstrip": 150}],
    ids=["tiles", "compressed tiles", "strips", "one strip"],
)
@pytest.mark.parametrize("bigtiff", [False, True])
def test_parts_of_a_tiff_are_those_of_the_whole(tmp_path: Path, options: dict[str, Any], bigtiff: bool) -> None:
    path = write(tmp_path / "a.tif", PIXELS, bigtiff=bigtiff, **options)
    with ImageRegions(path) as image:
        assert image.lazy
        assert image.size == (150, 230)
        for rows, columns in PARTS:
            assert np.array_equal(image.read(rows, columns), PIXELS[rows, columns])
    with ImageRegions(path, in_chans=1) as image:
        gray = read_image(path, in_chans=1).astype(int)
        assert np.abs(image.read(*PARTS[2]).astype(int) - gray[PARTS[2]]).max() <= 1


def test_sixteen_bits_and_bands(tmp_path: Path) -> None:
    deep = np.random.default_rng(1).integers(0, 65536, (70, 90, 5), dtype=np.uint16)
    path = write(tmp_path / "a.tif", deep, photometric="minisblack", planarconfig="contig", tile=(32, 32))
    with ImageRegions(path, in_chans=5, pixels=PixelFormat.of("float32", (0, 65535))) as image:
        assert image.lazy
        assert np.array_equal(image.read(slice(20, 60), slice(5, 80)), deep[20:60, 5:80])
    with ImageRegions(path) as image, pytest.raises(PixelFormatError, match="5 channels, but 3 are wanted"):
        image.read(slice(0, 9), slice(0, 9))


def test_other_formats_are_decoded_once(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    with ImageRegions(tmp_path / "a.png") as image:
        assert not image.lazy
        for rows, columns in PARTS:
            assert np.array_equal(image.read(rows, columns), PIXELS[rows, columns])


def test_only_what_is_asked_for_is_read(tmp_path: Path) -> None:
    """The last tile is corrupt: all others can be read."""
    path = write(tmp_path / "a.tif", PIXELS, tile=(64, 64), compression="zlib")
    content = bytearray(path.read_bytes())
    content[-40:] = bytes(40)
    path.write_bytes(bytes(content))
    with ImageRegions(path) as image:
        assert np.array_equal(image.read(slice(0, 128), slice(0, 192)), PIXELS[:128, :192])
        with pytest.raises(ImageError, match=r"a\.tif cannot be decoded"):
            image.read(slice(140, 150), slice(220, 230))


def test_the_limit_and_missing_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.tif", PIXELS, tile=(64, 64))
    monkeypatch.setenv("HUB_MAX_PIXELS", "1000")
    with pytest.raises(ImageError, match="230×150 pixels, more than the limit"):
        ImageRegions(path)
    with pytest.raises(ImageError, match="does not exist"):
        ImageRegions(tmp_path / "no.tif")
