"""The order is a pure function of (seed, step), every image is used, and batches have similar shapes."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.data.loading.sampler import GroupedBatchSampler, eval_batches
from hub.errors import DataError, OptionError
from hub.seeds import derive_seed


def make_sizes(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(10, 20, (count, 2))


@given(
    count=st.integers(1, 120),
    batch_size=st.integers(1, 9),
    world_size=st.integers(1, 4),
    epoch=st.integers(0, 3),
)
def test_an_epoch_is_a_partition_but_for_the_tail(count: int, batch_size: int, world_size: int, epoch: int) -> None:
    samplers = [
        GroupedBatchSampler(make_sizes(count), batch_size=batch_size, rank=rank, world_size=world_size)
        for rank in range(world_size)
    ]
    by_rank = [sampler.batches(epoch) for sampler in samplers]
    assert {len(batches) for batches in by_rank} == {samplers[0].steps_per_epoch}
    assert {len(batch) for batches in by_rank for batch in batches} == {batch_size}
    seen = [index for batches in by_rank for batch in batches for index in batch]
    whole = batch_size * world_size
    if count >= whole:
        assert len(seen) == len(set(seen)) == count - count % whole
    else:  # repeated until one global batch is full, each image about as often
        times = np.bincount(seen, minlength=count)
        assert len(seen) == whole
        assert times.max() - times.min() <= 1


@given(count=st.integers(10, 200), batch_size=st.integers(1, 8))
def test_wide_and_tall_images_share_at_most_one_batch(count: int, batch_size: int) -> None:
    sizes = make_sizes(count)
    wide = sizes[:, 1] >= sizes[:, 0]
    batches = GroupedBatchSampler(sizes, batch_size=batch_size).batches(0)
    assert sum(len({bool(wide[i]) for i in batch}) > 1 for batch in batches) <= 1


@given(start=st.integers(0, 40), seed=st.integers(0, 5))
def test_resuming_gives_what_an_uninterrupted_run_would(start: int, seed: int) -> None:
    uninterrupted = GroupedBatchSampler(make_sizes(23), batch_size=3, seed=seed).stream()
    resumed = GroupedBatchSampler(make_sizes(23), batch_size=3, seed=seed).stream(start)
    assert list(islice(uninterrupted, start, start + 20)) == list(islice(resumed, 20))


def test_the_stream_counts_steps_over_epochs() -> None:
    found = list(islice(GroupedBatchSampler(make_sizes(7), batch_size=2).stream(), 8))
    assert [(epoch, step) for epoch, step, _ in found] == [
        (0, 0), (0, 1), (0, 2), (1, 3), (1, 4), (1, 5), (2, 6), (2, 7),
    ]  # fmt: skip


def test_order_changes_with_epoch_and_seed_only() -> None:
    sampler = GroupedBatchSampler(make_sizes(50), batch_size=4, seed=1)
    assert sampler.batches(3) == sampler.batches(3)
    assert sampler.batches(3) != sampler.batches(4)
    assert sampler.batches(3) != GroupedBatchSampler(make_sizes(50), batch_size=4, seed=2).batches(3)


def test_two_processes_use_the_images_of_one_with_twice_the_batch() -> None:
    sizes = make_sizes(60)
    alone = GroupedBatchSampler(sizes, batch_size=8).batches(0)
    first, second = (GroupedBatchSampler(sizes, batch_size=4, rank=rank, world_size=2).batches(0) for rank in (0, 1))
    assert alone == [a + b for a, b in zip(first, second, strict=True)]


def test_over_many_epochs_every_image_is_seen_alike() -> None:
    sampler = GroupedBatchSampler(np.array([[1, 2]] * 9 + [[2, 1]] * 4), batch_size=8)
    times = np.bincount([i for epoch in range(400) for batch in sampler.batches(epoch) for i in batch])
    assert times.min() > 400 * 8 / 13 * 0.6  # the tail that is dropped is not always the rarer shape


@given(count=st.integers(0, 50), batch_size=st.integers(1, 7), world_size=st.integers(1, 5))
def test_evaluation_sees_every_image_once_and_in_order_of_shape(count: int, batch_size: int, world_size: int) -> None:
    sizes = make_sizes(count)
    by_rank = [
        eval_batches(sizes, batch_size=batch_size, rank=rank, world_size=world_size) for rank in range(world_size)
    ]
    assert sorted(i for batches in by_rank for batch in batches for i in batch) == list(range(count))
    for batches in by_rank:
        aspects = [float(sizes[i, 1] / sizes[i, 0]) for batch in batches for i in batch]
        assert aspects == sorted(aspects)
    lengths = [len(batches) for batches in by_rank]
    assert max(lengths) - min(lengths) <= 1


@pytest.mark.parametrize(
    ("sizes", "options", "error"),
    [
        (np.zeros((0, 2), np.int64), {"batch_size": 2}, DataError),
        (make_sizes(3), {"batch_size": 0}, OptionError),
        (make_sizes(3), {"batch_size": 1, "rank": 2, "world_size": 2}, OptionError),
    ],
)
def test_what_cannot_work_is_refused(sizes: np.ndarray, options: dict[str, int], error: type[Exception]) -> None:
    with pytest.raises(error):
        GroupedBatchSampler(sizes, **options)


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from("ab"), st.integers(0, 9), st.integers(0, 9))))
def test_seeds_differ_for_different_purposes(uses: list[tuple[int, str, int, int]]) -> None:
    seeds = {derive_seed(seed, stream, epoch, index) for seed, stream, epoch, index in uses}
    assert len(seeds) == len(set(uses))
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_seeds_are_the_same_on_every_machine() -> None:
    assert derive_seed(0, "augment", 1, 2) == 2370794594022454396  # else a resumed run would go another way
