"""Batches from worker processes: the same ones whatever the number of workers."""

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
    """A batch and its place in the run.

    Attributes:
        epoch: from 0.
        step: from 0, counted over all epochs.
        batch: what the step learns from.
    """

    epoch: int
    step: int
    batch: Batch


class Loader:
    """Batches of a pipeline, loaded ahead by worker processes; can be iterated again and again.

    Args:
        pipeline: what gives the samples.
        items: for each batch its (epoch, index) pairs.
        workers: number of processes; 0 loads in this one.
        divisor: the padded height and width are multiples of this.
        max_instances: see `hub.data.loading.collate.collate`.
        device: batches for a CUDA device come in pinned memory.

    Raises:
        HubError: whatever a worker met, under its own class and with its own message.
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
            generator=torch.Generator(),  # its own: making a loader must not move torch's global generator
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
    """Batches without end, from step ``start_step`` of the run on; see `Loader` for the rest.

    Closing the iterator, or dropping it, ends its workers.
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
    """Every image once, split over the processes; see `hub.data.loading.sampler.eval_batches` for the order."""
    batches = eval_batches(pipeline.dataset.sizes, batch_size=batch_size, rank=rank, world_size=world_size)
    items = [[(0, index) for index in batch] for batch in batches]
    return Loader(pipeline, items, workers=workers, divisor=divisor, max_instances=max_instances, device=device)


@dataclass(frozen=True)
class _Endless:
    """The sampler's stream as keys of the pipeline."""

    sampler: GroupedBatchSampler
    start_step: int

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        for epoch, _, indices in self.sampler.stream(self.start_step):
            yield [(epoch, index) for index in indices]


class _Guarded(Dataset[Any]):
    """Gives a `HubError` back instead of raising it: torch would bury its message in a traceback."""

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
    """The workers are the parallelism: threads of their own would only compete.

    A terminal's Ctrl-C and torchrun signal the whole group of processes. The trainer then finishes its step and
    saves, for which it needs its workers: they leave the group, and end when the trainer ends them or is gone.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
