from __future__ import annotations

import json

import pytest
import torch
from torchvision.transforms import functional as oracle

from hub import Preprocessing, ResizeRule

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


def test_weights_of_caffe_take_bgr_of_full_scale() -> None:
    """detectron2's older weights: BGR, mean subtracted, no division."""
    given = Preprocessing(mean=(123.7, 116.3, 103.5), std=(1.0, 1.0, 1.0), full_scale=1.0, bgr=True)
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
    assert Preprocessing.from_dict(json.loads(json.dumps(given.to_dict()))) == given
