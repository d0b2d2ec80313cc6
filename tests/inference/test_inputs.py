"""All forms of one image give the same pixels; anything else gets a clear error."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import hub
from hub.errors import ImageError, PixelFormatError
from hub.inference.inputs import load_input
from hub.pixel_format import PixelFormat

RGB = np.random.default_rng(0).integers(0, 256, (10, 14, 3), dtype=np.uint8)


def encoded(array: np.ndarray = RGB) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, "PNG")
    return stream.getvalue()


def test_every_form_of_an_image_gives_the_same_pixels(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encoded())
    forms: list[Any] = [
        path, str(path), encoded(), Image.fromarray(RGB), RGB, RGB[:, ::-1][:, ::-1],
        torch.from_numpy(RGB).permute(2, 0, 1),
        Image.fromarray(np.dstack([RGB, np.full(RGB.shape[:2], 255, np.uint8)])),
    ]  # fmt: skip
    for form in forms:
        assert np.array_equal(load_input(form, in_chans=3, pixels=PixelFormat()), RGB)


def test_gray_images_are_repeated_or_kept() -> None:
    gray = RGB[..., 0]
    for form in (gray, gray[..., None], torch.from_numpy(gray), torch.from_numpy(gray)[None], Image.fromarray(gray)):
        assert np.array_equal(load_input(form, in_chans=3, pixels=PixelFormat())[..., 2], gray)
        assert np.array_equal(load_input(form, in_chans=1, pixels=PixelFormat())[..., 0], gray)


def test_a_pil_image_is_turned_upright() -> None:
    stream = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # stored a quarter turn away
    Image.fromarray(RGB).save(stream, "PNG", exif=exif)
    assert load_input(Image.open(stream), in_chans=3, pixels=PixelFormat()).shape == (14, 10, 3)


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        (np.zeros((0, 5, 3), np.uint8), ImageError, "has no pixels"),
        (RGB / 255, PixelFormatError, r"dtype float64 is given(?s:.*)image \* 255"),
        (RGB.transpose(2, 0, 1), PixelFormatError, r"looks like \(C, H, W\)"),
        (torch.zeros(1, 3, 8, 8), PixelFormatError, "one tensor per image"),
        (RGB[..., :2], PixelFormatError, r"shape \(10, 14, 2\)"),
        (b"no image", ImageError, "the 8 bytes given"),
        ("nowhere.png", ImageError, "nowhere.png does not exist"),
        ("photos/*.jpg", ImageError, "is a pattern"),
        (3.5, PixelFormatError, "a float is not an image"),
    ],
)
def test_inputs_that_are_not_images_are_refused(given: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        load_input(given, in_chans=3, pixels=PixelFormat())


def test_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="is a folder"):
        load_input(tmp_path, in_chans=3, pixels=PixelFormat())


def test_predict_takes_a_list_of_mixed_forms_and_sizes() -> None:
    model = hub.create_model("faster-rcnn/resnet18-fpn", labels=["a"], channels=16)
    mixed = [Image.fromarray(RGB), torch.zeros(3, 20, 8, dtype=torch.uint8), encoded(), RGB[:5]]
    found = [prediction.result for prediction in model.predict(mixed)]
    assert [one.size for one in found] == [(10, 14), (20, 8), (10, 14), (5, 14)]
    assert [one.image_id for one in found] == [0, 1, 2, 3]
    assert model.predict(encoded()).result.size == (10, 14)
