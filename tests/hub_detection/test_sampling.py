"""Sampling: exact counts, uniform probabilities, and marked empty slots."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_detection.sampling import sample


@given(
    seed=st.integers(0, 2**20),
    size=st.integers(1, 40),
    fraction=st.floats(0, 1),
    share=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
@settings(max_examples=60, deadline=None)
def test_counts_match_the_balanced_sampler(seed: int, size: int, fraction: float, share: tuple[float, float]) -> None:
    torch.manual_seed(seed)
    chance = torch.rand(3, 30)
    positive = chance < share[0]
    negative = ~positive & (torch.rand(3, 30) < share[1])
    drawn = sample(positive, negative, size=size, positive_fraction=fraction)
    for i in range(3):
        positives = min(int(size * fraction), int(positive[i].sum()))
        negatives = min(size - positives, int(negative[i].sum()))
        chosen = drawn.indices[i, drawn.valid[i]]
        assert len(chosen) == len(set(chosen.tolist())) == positives + negatives
        assert positive[i, drawn.indices[i, drawn.positive[i]]].sum() == positives
        assert negative[i, drawn.indices[i, drawn.valid[i] & ~drawn.positive[i]]].sum() == negatives
        assert drawn.positive[i, :positives].all()  # positive ones come first


def test_every_box_is_sampled_with_the_same_probability() -> None:
    torch.manual_seed(0)
    positive = torch.zeros(2000, 10, dtype=torch.bool)
    positive[:, :4] = True
    drawn = sample(positive, ~positive, size=4, positive_fraction=0.5)
    counts = torch.bincount(drawn.indices[drawn.valid], minlength=10) / 2000
    torch.testing.assert_close(counts[:4], torch.full((4,), 2 / 4), atol=0.05, rtol=0)
    torch.testing.assert_close(counts[4:], torch.full((6,), 2 / 6), atol=0.05, rtol=0)


def test_sampling_uses_the_default_generator() -> None:
    positive, negative = torch.zeros(1, 100, dtype=torch.bool), torch.ones(1, 100, dtype=torch.bool)
    torch.manual_seed(1)
    first = sample(positive, negative, size=5, positive_fraction=0.5).indices
    second = sample(positive, negative, size=5, positive_fraction=0.5).indices
    torch.manual_seed(1)
    assert torch.equal(first, sample(positive, negative, size=5, positive_fraction=0.5).indices)
    assert not torch.equal(first, second)
