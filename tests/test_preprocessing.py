from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from torchvision.transforms import functional as oracle

from hub import Preprocessing, ResizeRule
from hub.errors import OptionError, PixelFormatError
from hub.pixel_format import PixelFormat

IMAGES = torch.randint(0, 256, (2, 3, 8, 12), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
SIZES = torch.tensor([[8, 12], [5, 7]])


def test_normalize_equals_torchvision() -> None:
    given = Preprocessing(mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4))
    expected = oracle.normalize(IMAGES.float() / 255, [0.4, 0.5, 0.6], [0.2, 0.3, 0.4])
    out = given.normalize(IMAGES, SIZES)
    torch.testing.assert_close(out[0], expected[0])
    torch.testing.assert_close(out[1, :, :5, :7], expected[1, :, :5, :7])


def test_padding_is_zero_after_normalising() -> None:
    out = Preprocessing().normalize(IMAGES, SIZES)
    assert not out[1, :, 5:].any()
    assert not out[1, :, :, 7:].any()
    assert out[1, :, :5, :7].all(), "pixels inside are not masked"


def test_weights_of_caffe_take_bgr_without_division() -> None:
    """detectron2's older weights: BGR, mean subtracted, no division."""
    mean, std = tuple(m / 255 for m in (123.7, 116.3, 103.5)), (1 / 255,) * 3
    given = Preprocessing(mean=mean, std=std, bgr=True)
    out = given.normalize(IMAGES, torch.tensor([[8, 12], [8, 12]]))
    expected = IMAGES.float().flip(1) - torch.tensor([103.5, 116.3, 123.7]).view(1, 3, 1, 1)
    torch.testing.assert_close(out, expected)


@pytest.mark.parametrize("bgr", [False, True])
def test_the_result_is_channels_last(bgr: bool) -> None:
    out = Preprocessing(bgr=bgr).normalize(IMAGES, SIZES)
    assert out.dtype == torch.float32
    assert out.is_contiguous(memory_format=torch.channels_last)


def test_survives_a_checkpoint_header() -> None:
    given = Preprocessing(mean=(0.5,), std=(0.25,), in_chans=1, resize=ResizeRule(100, 200), bgr=True)
    given = replace(given, pixels=PixelFormat("int16", (-1024.0, 3071.0)))
    assert Preprocessing.from_dict(json.loads(json.dumps(given.to_dict()))) == given


@pytest.mark.parametrize(
    ("dtype", "low", "high"), [("uint8", 0, 255), ("int16", -1024, 3071), ("float32", 0, 65535), ("float32", -3.5, 7)]
)
def test_every_dtype_is_normalized_in_units_of_its_range(dtype: str, low: float, high: float) -> None:
    pixels = PixelFormat.of(dtype, (low, high))  # type: ignore[arg-type]
    given = Preprocessing(mean=(0.4, 0.5), std=(0.2, 0.3), in_chans=2, pixels=pixels)
    values = torch.linspace(low, high, 24).reshape(1, 2, 3, 4).to(getattr(torch, dtype))
    unit = (values.double() - low) / (high - low)
    mean, std = torch.tensor([0.4, 0.5]).view(1, 2, 1, 1), torch.tensor([0.2, 0.3]).view(1, 2, 1, 1)
    out = given.normalize(values, torch.tensor([[3, 4]]))
    torch.testing.assert_close(out.double(), (unit - mean) / std, rtol=1e-4, atol=1e-5)


def test_pixels_of_another_kind_are_refused() -> None:
    given = Preprocessing(pixels=PixelFormat.of("float32", (0, 65535)))
    given.check(IMAGES.float(), (0.0, 65535.0))
    with pytest.raises(PixelFormatError, match=r"uint8 images.*takes float32 \(0 to 65535\)"):
        given.check(IMAGES, (0.0, 255.0))
    with pytest.raises(PixelFormatError, match=r"float32 images \(0 to 1\)"):
        given.check(IMAGES.float(), (0.0, 1.0))
    with pytest.raises(PixelFormatError, match="2 channels, but the model takes 3"):
        given.check(IMAGES[:, :2].float(), (0.0, 65535.0))


@pytest.mark.parametrize("value_range", [(1, 1), (2, 1), (0, float("inf")), (float("nan"), 1)])
def test_a_range_without_values_is_refused(value_range: tuple[float, float]) -> None:
    with pytest.raises(OptionError, match="is not a range"):
        PixelFormat.of("float32", value_range)
