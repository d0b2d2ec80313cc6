"""The images of each step, a pure function of (seed, step) that does not depend on the number of workers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import numpy as np

from hub.errors import DataError, OptionError
from hub.seeds import derive_seed


class GroupedBatchSampler:
    """Shuffled batches of images that are all wide or all tall, to reduce padding.

    An epoch has every image once, except those of the incomplete last global batch. All processes have the same
    number of steps with batches of the same size. The images of a step depend only on ``batch_size * world_size``:
    two processes with 8 images each use the same images as one process with 16.

    Args:
        sizes: (N, 2) height and width of the images.
        batch_size: images per process and step.
        seed: seed of the run.
        rank: rank of this process.
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
        """Number of batches per process and epoch, at least 1."""
        return max(1, len(self._wide) // (self.batch_size * self.world_size))

    def batches(self, epoch: int) -> list[list[int]]:
        """Return the batches of this process in an epoch, each of ``batch_size`` indices.

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
        rest = sorted(waiting[True] + waiting[False])  # at most one batch has mixed shapes
        if len(rest) >= whole:
            batches.append(rest[:whole])
        mine = slice(self.rank * self.batch_size, (self.rank + 1) * self.batch_size)
        return [order[batch[mine]].tolist() for batch in batches]

    def stream(self, start_step: int = 0) -> Iterator[tuple[int, int, list[int]]]:
        """Yield batches endlessly as (epoch, step, indices), starting with step ``start_step`` of the run.

        A stream that starts at step k continues a stream from 0 after k batches.
        """
        first_epoch, done = divmod(start_step, self.steps_per_epoch)
        for epoch in count(first_epoch):
            batches = self.batches(epoch)
            skipped = done if epoch == first_epoch else 0
            for position in range(skipped, len(batches)):
                yield epoch, epoch * self.steps_per_epoch + position, batches[position]


def eval_batches(sizes: np.ndarray, *, batch_size: int, rank: int = 0, world_size: int = 1) -> list[list[int]]:
    """Return batches of every image once, assigned to the processes in turn; the last batch may be smaller.

    Images are sorted by aspect ratio to reduce padding.

    Args:
        sizes: (N, 2) height and width of the images.
        batch_size: images per process and batch.
        rank: rank of this process.
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
