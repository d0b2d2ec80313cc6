"""RoIAlign against torchvision's kernels: values, gradients, borders, levels."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
import torchvision
from torch import Tensor

from hub.errors import OptionError
from hub_detection.two_stage.roi_align import RoIAlign

STRIDES = (4, 8, 16, 32)
IMAGE = (128, 160)


def _maps(channels: int = 5, batch: int = 2, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randn(batch, channels, IMAGE[0] // s, IMAGE[1] // s, generator=generator)
        .to(dtype)
        .contiguous(memory_format=torch.channels_last)
        .requires_grad_()
        for s in STRIDES
    ]


def _boxes(batch: int = 2) -> Tensor:
    """Return boxes of all sizes, inside, across and outside the border, tiny and empty ones."""
    generator = torch.Generator().manual_seed(1)
    corner = torch.rand(batch, 60, 2, generator=generator) * 150 - 10
    sides = torch.rand(batch, 60, 2, generator=generator) ** 3 * 500
    special = torch.tensor(
        [
            [0.0, 0, 160, 128],  # the whole image
            [-30, -30, 400, 300],
            [-100, -100, 500, 500],
            [-50, -50, -20, -20],  # outside
            [159.5, 127.5, 160, 128],
            [20, 20, 20.01, 20.01],
            [0, 0, 0, 0],
            [0, 0, 224, 224],  # on the border between two levels
            [0, 0, 112, 112],
        ]
    )
    return torch.cat([torch.cat([corner, corner + sides], dim=2), special.repeat(batch, 1, 1)], dim=1)


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize(("size", "ratio"), [(7, 2), (3, 1), (2, 3)])
def test_one_level_matches_torchvision(aligned: bool, size: int, ratio: int) -> None:
    (first, *_), boxes = _maps(), _boxes()
    found = RoIAlign(STRIDES[:1], size=size, sampling_ratio=ratio, aligned=aligned)([first], boxes)
    expected = torchvision.ops.roi_align(first, list(boxes), size, 1 / STRIDES[0], ratio, aligned)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_all_levels_and_gradients_match_torchvision() -> None:
    ours, theirs, boxes = _maps(), _maps(), _boxes()
    found = RoIAlign(STRIDES)(ours, boxes)
    pool = torchvision.ops.MultiScaleRoIAlign(["0", "1", "2", "3"], 7, 2)
    named = OrderedDict((str(i), f) for i, f in enumerate(theirs))
    expected = pool(named, list(boxes), [IMAGE, IMAGE])
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)

    upstream = torch.randn(expected.shape, generator=torch.Generator().manual_seed(2))
    found.backward(upstream)
    expected.backward(upstream)
    for a, b in zip(ours, theirs, strict=True):
        assert b.grad is not None
        assert b.grad.abs().sum() > 0
        torch.testing.assert_close(a.grad, b.grad, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("aligned", [False, True])
def test_adaptive_sampling_matches_torchvision(aligned: bool) -> None:
    (first, *_), boxes = _maps(), _boxes()
    found = RoIAlign(STRIDES[:1], sampling_ratio=0, aligned=aligned)([first], boxes)
    for ratio in (0, -1):
        expected = torchvision.ops.roi_align(first, list(boxes), 7, 1 / STRIDES[0], ratio, aligned)
        assert torch.equal(found, expected)


def test_adaptive_sampling_of_all_levels_and_gradients_match_torchvision() -> None:
    ours, theirs, boxes = _maps(), _maps(), _boxes()
    found = RoIAlign(STRIDES, sampling_ratio=0)(ours, boxes)
    pool = torchvision.ops.MultiScaleRoIAlign(["0", "1", "2", "3"], 7, 0)
    expected = pool(OrderedDict((str(i), f) for i, f in enumerate(theirs)), list(boxes), [IMAGE, IMAGE])
    torch.testing.assert_close(found, expected)
    upstream = torch.randn(expected.shape, generator=torch.Generator().manual_seed(2))
    found.backward(upstream)
    expected.backward(upstream)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a.grad, b.grad, atol=1e-5, rtol=1e-5)


def test_level_assignment_matches_torchvision() -> None:
    boxes = _boxes(1)[0]
    expected = torchvision.ops.poolers.LevelMapper(2, 5)([boxes])
    found = RoIAlign(STRIDES).level_of(boxes)
    assert set(found.tolist()) == {0, 1, 2, 3}
    assert torch.equal(found, expected)


def test_bfloat16_is_close_to_float32() -> None:
    exact = RoIAlign(STRIDES)(_maps(), _boxes())
    low = _maps(dtype=torch.bfloat16)
    found = RoIAlign(STRIDES)(low, _boxes())
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), exact, atol=0.05, rtol=0.05)
    found.sum().backward()
    assert all(f.grad is not None and f.grad.dtype == torch.bfloat16 for f in low)


def test_nan_boxes_do_not_crash() -> None:
    for ratio in (2, 0):
        pooled = RoIAlign(STRIDES, sampling_ratio=ratio)(_maps(), torch.full((2, 3, 4), torch.nan))
        assert pooled.shape == (6, 5, 7, 7)


def test_output_is_channels_last() -> None:
    assert RoIAlign(STRIDES)(_maps(), _boxes()).is_contiguous(memory_format=torch.channels_last)


def test_levels_with_a_gap_are_refused() -> None:
    with pytest.raises(OptionError, match="4, 16"):
        RoIAlign((4, 16))
