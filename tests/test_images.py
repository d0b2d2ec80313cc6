from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from hub.errors import ImageError, OptionError, PixelFormatError
from hub.image_size import image_size
from hub.images import ResizeRule, find_images, read_image, resize_image

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)


def save(path: Path, pixels: np.ndarray, **options: object) -> Path:
    Image.fromarray(pixels).save(path, **options)
    return path


@pytest.mark.parametrize("ending", ["png", "bmp", "tif"])
def test_lossless_files_come_back_exactly(tmp_path: Path, ending: str) -> None:
    assert np.array_equal(read_image(save(tmp_path / f"a.{ending}", PIXELS)), PIXELS)


def test_grey(tmp_path: Path) -> None:
    path = save(tmp_path / "grey.png", PIXELS[..., 0])
    assert read_image(path, in_chans=1).shape == (6, 9, 1)
    assert np.array_equal(read_image(path)[..., 2], PIXELS[..., 0])


def test_palette_and_alpha_become_rgb(tmp_path: Path) -> None:
    image = Image.fromarray(PIXELS)
    image.convert("RGBA").save(tmp_path / "alpha.png")
    image.quantize(256).save(tmp_path / "palette.png")
    assert np.array_equal(read_image(tmp_path / "alpha.png"), PIXELS)
    assert read_image(tmp_path / "palette.png").shape == PIXELS.shape


@pytest.mark.parametrize(("orientation", "turn"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_exif_orientation_is_honoured(tmp_path: Path, orientation: int, turn: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / "turned.png", PIXELS, exif=exif)
    assert np.array_equal(read_image(path), np.rot90(PIXELS, turn))
    assert np.array_equal(read_image(path, exif=False), PIXELS)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"no\.png does not exist"):
        read_image(tmp_path / "no.png")


@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_truncated_file(tmp_path: Path, ending: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = save(tmp_path / f"cut.{ending}", noise)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ImageError, match="cut.*cannot be decoded"):
        read_image(path)


def test_not_an_image(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("hello")
    with pytest.raises(ImageError, match=r"text\.jpg cannot be decoded"):
        read_image(tmp_path / "text.jpg")


def test_sixteen_bits_are_refused_not_clipped(tmp_path: Path) -> None:
    path = save(tmp_path / "deep.png", np.full((4, 4), 40000, np.uint16))
    with pytest.raises(ImageError, match="more than 8 bits"):
        read_image(path)


def test_other_numbers_of_channels_are_refused(tmp_path: Path) -> None:
    for in_chans in (2, 4, 5):
        with pytest.raises(PixelFormatError, match=f"3 channels, but {in_chans} are wanted"):
            read_image(save(tmp_path / "a.png", PIXELS), in_chans=in_chans)


def test_an_image_above_the_limit_is_named_with_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "a.png", PIXELS)
    monkeypatch.setenv("HUB_MAX_PIXELS", "53")
    with pytest.raises(ImageError, match=r"9×6 pixels.*limit of 53\n  fix:.*HUB_MAX_PIXELS=54"):
        read_image(path)
    monkeypatch.setenv("HUB_MAX_PIXELS", "54")
    assert read_image(path).shape == (6, 9, 3)
    monkeypatch.setenv("HUB_MAX_PIXELS", "many")
    with pytest.raises(OptionError, match="HUB_MAX_PIXELS is 'many'"):
        read_image(path)


def test_the_limit_is_ours_and_not_pillows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "a.tif", PIXELS)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert np.array_equal(read_image(path), PIXELS)
    assert image_size(path) == (6, 9)
    assert Image.MAX_IMAGE_PIXELS == 10, "what others in the process rely on stays"


@given(st.integers(1, 4000), st.integers(1, 4000), st.integers(1, 1000), st.integers(1, 1500))
def test_resize_rule_keeps_both_limits(height: int, width: int, shortest: int, longest: int) -> None:
    new = ResizeRule(shortest, longest).size(height, width)
    assert max(new) <= max(longest, 1)
    assert min(new) <= max(shortest, 1)
    assert min(new) >= 1
    scale = min(shortest / min(height, width), longest / max(height, width))
    assert all(abs(n - old * scale) <= 1 for n, old in zip(new, (height, width), strict=True))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
@pytest.mark.parametrize("channels", [1, 3, 7])
@pytest.mark.parametrize("size", [(12, 18), (2, 3), (6, 9)])
def test_resize_keeps_kind_and_mean(channels: int, size: tuple[int, int], dtype: type) -> None:
    image = np.tile(PIXELS, (1, 1, 3))[..., :channels].astype(dtype)
    out = resize_image(image, size)
    assert out.shape == (*size, channels)
    assert out.dtype == dtype
    assert abs(out.mean() - image.mean()) < 12


def test_shrinking_averages_instead_of_skipping() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[::2] = 200
    assert set(np.unique(resize_image(stripes, (8, 8)))) == {100}


def test_find_images(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("b.png", "a.JPG", "sub/c.webp"):
        save(tmp_path / name, PIXELS, format="PNG")
    (tmp_path / "notes.txt").write_text("")
    assert find_images(tmp_path) == [tmp_path / "a.JPG", tmp_path / "b.png", tmp_path / "sub" / "c.webp"]
    assert find_images(tmp_path / "b.png") == [tmp_path / "b.png"]


def test_find_images_finds_nothing(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="holds no image"):
        find_images(tmp_path)
    with pytest.raises(ImageError, match="does not exist"):
        find_images(tmp_path / "no")
