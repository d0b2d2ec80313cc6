"""Read pixels of all levels by index."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from hub_detection.pyramid import neighborhoods


@pytest.mark.parametrize("sizes", [[(5, 7)], [(6, 4), (3, 2), (1, 1)]])
def test_neighborhoods_match_unfold(sizes: list[tuple[int, int]]) -> None:
    generator = torch.Generator().manual_seed(0)
    features = [torch.randn(2, 3, *size, generator=generator) for size in sizes]
    cells = sum(h * w for h, w in sizes)
    found = neighborhoods(features, torch.arange(cells).repeat(2, 1))
    unfolded = torch.cat([F.unfold(f, 3, padding=1) for f in features], dim=2)  # (B, C · 9, cells)
    expected = unfolded.view(2, 3, 9, cells).permute(0, 3, 2, 1).flatten(2)
    torch.testing.assert_close(found, expected)
