"""Which images a step learns from: a pure function of (seed, step), whatever the number of workers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import numpy as np

from hub.errors import DataError, OptionError
from hub.seeds import derive_seed


class GroupedBatchSampler:
    """Shuffled batches in which images are all wide or all tall, so that little is padding.

    An epoch visits every image once, but for the incomplete last global batch. All processes make the same
    number of steps with batches of the same size. The images of a step depend on ``batch_size * world_size``
    alone: two processes with 8 images each learn from what one would with 16.

    Args:
        sizes: (N, 2) height and width of the images.
        batch_size: images a process and step.
        seed: of the run.
        rank: of this process.
        world_size: number of processes.

    Raises:
        DataError: there are no images.
        OptionError: a batch size below 1, or a rank outside the world.

    >>> sizes = np.array([[2, 3], [3, 2], [2, 3], [3, 2]])
    >>> sampler = GroupedBatchSampler(sizes, batch_size=2, seed=0)
    >>> sorted(sorted(batch) for batch in sampler.batches(epoch=0))
    [[0, 2], [1, 3]]
    """

    def __init__(
        self, sizes: np.ndarray, *, batch_size: int, seed: int = 0, rank: int = 0, world_size: int = 1
    ) -> None:
        if not len(sizes):
            raise DataError("there are no images to learn from", fix="check the data root and the split")
        _check(batch_size, rank, world_size)
        self.batch_size = batch_size
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self._wide = np.asarray(sizes[:, 1] >= sizes[:, 0])

    @property
    def steps_per_epoch(self) -> int:
        """Number of batches a process makes in an epoch, at least 1."""
        return max(1, len(self._wide) // (self.batch_size * self.world_size))

    def batches(self, epoch: int) -> list[list[int]]:
        """This process's batches of an epoch, each of ``batch_size`` indices.

        A dataset smaller than one global batch is repeated until it fills one.
        """
        whole = self.batch_size * self.world_size
        order = np.random.default_rng(derive_seed(self.seed, "order", epoch)).permutation(len(self._wide))
        if len(order) < whole:
            order = np.resize(order, whole)
        waiting: dict[bool, list[int]] = {True: [], False: []}  # positions in `order`
        batches = []
        for position, wide in enumerate(self._wide[order].tolist()):
            waiting[wide].append(position)
            if len(waiting[wide]) == whole:
                batches.append(waiting[wide])
                waiting[wide] = []
        rest = sorted(waiting[True] + waiting[False])  # less than two batches, so at most one of mixed shapes
        if len(rest) >= whole:
            batches.append(rest[:whole])
        mine = slice(self.rank * self.batch_size, (self.rank + 1) * self.batch_size)
        return [order[batch[mine]].tolist() for batch in batches]

    def stream(self, start_step: int = 0) -> Iterator[tuple[int, int, list[int]]]:
        """Batches without end, as (epoch, step, indices), from step ``start_step`` of the run on.

        Started at step k it gives what a stream from 0 gives after k batches.
        """
        first_epoch, done = divmod(start_step, self.steps_per_epoch)
        for epoch in count(first_epoch):
            batches = self.batches(epoch)
            skipped = done if epoch == first_epoch else 0
            for position in range(skipped, len(batches)):
                yield epoch, epoch * self.steps_per_epoch + position, batches[position]


def eval_batches(sizes: np.ndarray, *, batch_size: int, rank: int = 0, world_size: int = 1) -> list[list[int]]:
    """Every image once, in batches that the processes take by turns; the last may be short.

    Images come in the order of their aspect ratio, so that little of a batch is padding.

    Args:
        sizes: (N, 2) height and width of the images.
        batch_size: images a process and batch.
        rank: of this process.
        world_size: number of processes.

    >>> sizes = np.array([[2, 3], [3, 2], [2, 3], [3, 2], [2, 3]])
    >>> eval_batches(sizes, batch_size=2), eval_batches(sizes, batch_size=2, rank=1, world_size=2)
    ([[1, 3], [0, 2], [4]], [[0, 2]])

    Raises:
        OptionError: a batch size below 1, or a rank outside the world.
    """
    _check(batch_size, rank, world_size)
    order = np.argsort(sizes[:, 1] / sizes[:, 0], kind="stable").tolist()
    starts = range(0, len(order), batch_size)[rank::world_size]
    return [order[start : start + batch_size] for start in starts]


def _check(batch_size: int, rank: int, world_size: int) -> None:
    if batch_size < 1:
        raise OptionError(f"batch_size is {batch_size}", fix="set it to 1 or more")
    if not 0 <= rank < world_size:
        raise OptionError(f"rank {rank} is not one of {world_size} processes", fix="start it with torchrun")
