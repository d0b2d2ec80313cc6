"""Pasting masks samples each mask bilinearly at the image's pixels."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hub_detection.two_stage import mask_paste
from hub_detection.two_stage.mask_paste import paste_masks


def _grid_sample(masks: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    height, width = size
    ys, xs = torch.arange(height) + 0.5, torch.arange(width) + 0.5
    gy = (ys - boxes[:, 1:2]) / (boxes[:, 3:4] - boxes[:, 1:2]) * 2 - 1
    gx = (xs - boxes[:, 0:1]) / (boxes[:, 2:3] - boxes[:, 0:1]) * 2 - 1
    grid = torch.stack([gx[:, None].expand(-1, height, -1), gy[:, :, None].expand(-1, -1, width)], dim=-1)
    return F.grid_sample(masks[:, None], grid, align_corners=False, padding_mode="zeros")[:, 0]


@pytest.mark.parametrize("pixels", [2**24, 1])  # all at once, and one at a time
def test_pasting_matches_grid_sample(pixels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mask_paste, "_MAX_PIXELS", pixels)
    torch.manual_seed(0)
    masks = F.interpolate(torch.rand(6, 1, 7, 7), (28, 28), mode="bilinear")[:, 0]
    corner = torch.rand(6, 2) * 60 - 10
    boxes = torch.cat([corner, corner + 3 + torch.rand(6, 2) * 60], dim=1)
    expected = _grid_sample(masks, boxes, (48, 72))
    found = paste_masks(masks, boxes, (48, 72))
    clear = (expected - 0.5).abs() > 1e-4
    assert clear.float().mean() > 0.99
    assert torch.equal(found[clear], (expected >= 0.5)[clear])


def test_a_full_mask_covers_exactly_its_box() -> None:
    found = paste_masks(torch.ones(1, 28, 28), torch.tensor([[3.0, 5.0, 20.0, 9.0]]), (16, 24))[0]
    expected = torch.zeros(16, 24, dtype=torch.bool)
    expected[5:9, 3:20] = True
    assert torch.equal(found, expected)


def test_no_masks_and_empty_boxes() -> None:
    assert paste_masks(torch.zeros(0, 28, 28), torch.zeros(0, 4), (5, 6)).shape == (0, 5, 6)
    assert not paste_masks(torch.ones(1, 28, 28), torch.tensor([[2.0, 2, 2, 2]]), (5, 6), threshold=0.6).any()
