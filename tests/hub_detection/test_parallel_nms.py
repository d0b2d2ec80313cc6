"""NMS by matrix products against torchvision's loop."""

from __future__ import annotations

import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_detection.parallel_nms import parallel_nms


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(0, 60), threshold=st.sampled_from([0.1, 0.5, 0.7]))
def test_it_keeps_what_torchvision_keeps(seed: int, count: int, threshold: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    corner = torch.rand(2, count, 2, generator=generator) * 40
    boxes = torch.cat([corner, corner + 1 + torch.rand(2, count, 2, generator=generator) * 40], dim=2)
    valid = torch.rand(2, count, generator=generator) < 0.8
    kept = parallel_nms(boxes, valid, threshold, rounds=count)
    for row in range(2):
        there = valid[row].nonzero().squeeze(1)
        scores = torch.arange(len(there), 0, -1.0)
        expected = there[torchvision.ops.nms(boxes[row, there], scores, threshold)]
        assert kept[row].nonzero().squeeze(1).tolist() == sorted(expected.tolist())


@pytest.mark.parametrize("rounds", [1, 2, 5, 9])
def test_a_chain_is_right_as_far_as_there_are_rounds(rounds: int) -> None:
    """Each box suppresses the next one alone: every other box stays."""
    start = torch.arange(10.0)[:, None] * 3
    boxes = torch.cat([start, torch.zeros(10, 1), start + 10, torch.full((10, 1), 10.0)], dim=1)[None]
    kept = parallel_nms(boxes, torch.ones(1, 10, dtype=torch.bool), 0.5, rounds=rounds)[0]
    assert kept[: rounds + 1].tolist() == [i % 2 == 0 for i in range(rounds + 1)]
