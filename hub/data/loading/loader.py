"""Batches from worker processes; they do not depend on the number of workers."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import torch
from torch.utils.data import DataLoader, Dataset

from hub.contract.batch import Batch
from hub.contract.sample import Sample
from hub.data.loading.collate import collate
from hub.data.loading.pipeline import Pipeline
from hub.data.loading.sampler import GroupedBatchSampler, eval_batches
from hub.errors import HubError


@dataclass(frozen=True)
class TrainBatch:
    """A batch with its position in the run.

    Attributes:
        epoch: from 0.
        step: from 0, counted over all epochs.
        batch: the batch of this step.
    """

    epoch: int
    step: int
    batch: Batch


class Loader:
    """Batches of a pipeline, prefetched by worker processes; can be iterated repeatedly.

    Args:
        pipeline: source of the samples.
        items: for each batch its (epoch, index) pairs.
        workers: number of processes; 0 loads in the current process.
        divisor: the padded height and width are multiples of this.
        max_instances: see `hub.data.loading.collate.collate`.
        device: batches for a CUDA device are in pinned memory.

    Raises:
        HubError: any error of a worker, with its original class and message.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        items: Iterable[list[tuple[int, int]]],
        *,
        workers: int = 0,
        divisor: int = 32,
        max_instances: int | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        self._loader: DataLoader[Any] = DataLoader(
            _Guarded(pipeline),
            batch_sampler=items,
            num_workers=workers,
            collate_fn=partial(_collate, divisor=divisor, max_instances=max_instances),
            pin_memory=torch.device(device).type == "cuda",
            worker_init_fn=_one_thread,
            persistent_workers=workers > 0,
            generator=torch.Generator(),  # creating a loader must not advance torch's default generator
        )

    def __iter__(self) -> Iterator[Batch]:
        for batch in self._loader:
            if isinstance(batch, HubError):
                raise batch
            yield batch

    def __len__(self) -> int:
        return len(self._loader)


def train_loader(
    pipeline: Pipeline,
    sampler: GroupedBatchSampler,
    *,
    start_step: int = 0,
    workers: int = 0,
    divisor: int = 32,
    max_instances: int | None = None,
    device: torch.device | str = "cpu",
) -> Iterator[TrainBatch]:
    """Yield training batches endlessly, starting with step ``start_step`` of the run; see `Loader` for the arguments.

    Closing or deleting the iterator stops its workers.
    """
    items = _Endless(sampler, start_step)
    loader = Loader(pipeline, items, workers=workers, divisor=divisor, max_instances=max_instances, device=device)
    for (epoch, step, _), batch in zip(sampler.stream(start_step), loader, strict=False):
        yield TrainBatch(epoch, step, batch)


def eval_loader(
    pipeline: Pipeline,
    *,
    batch_size: int,
    rank: int = 0,
    world_size: int = 1,
    workers: int = 0,
    divisor: int = 32,
    max_instances: int | None = None,
    device: torch.device | str = "cpu",
) -> Loader:
    """Return a loader of every image once, in the order of `hub.data.loading.sampler.eval_batches`."""
    batches = eval_batches(pipeline.dataset.sizes, batch_size=batch_size, rank=rank, world_size=world_size)
    items = [[(0, index) for index in batch] for batch in batches]
    return Loader(pipeline, items, workers=workers, divisor=divisor, max_instances=max_instances, device=device)


@dataclass(frozen=True)
class _Endless:
    """The endless stream of the sampler as keys of the pipeline."""

    sampler: GroupedBatchSampler
    start_step: int

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        for epoch, _, indices in self.sampler.stream(self.start_step):
            yield [(epoch, index) for index in indices]


class _Guarded(Dataset[Any]):
    """Returns a `HubError` instead of raising it, because torch would hide its message in a traceback."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline

    def __getitem__(self, item: tuple[int, int]) -> Sample | HubError:
        try:
            return self.pipeline[item]
        except HubError as error:
            return error.with_traceback(None)


def _collate(samples: Sequence[Sample | HubError], *, divisor: int, max_instances: int | None) -> Batch | HubError:
    for sample in samples:
        if isinstance(sample, HubError):
            return sample
    return collate([s for s in samples if isinstance(s, Sample)], divisor=divisor, max_instances=max_instances)


def _one_thread(worker: int) -> None:
    """Limit a worker to one thread, because the workers already use all cores; leave the group of processes.

    Ctrl-C in a terminal and torchrun send signals to the group of processes. The trainer then finishes its step and
    saves, and still needs its workers: they leave the group, and exit when the trainer stops them or has exited.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
