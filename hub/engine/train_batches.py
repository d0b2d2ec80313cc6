"""What a run learns from, step after step: one dataset, or several that take turns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from hub.contract import Batch, Head
from hub.contract.dataset import Dataset
from hub.data.loading.loader import train_loader
from hub.data.loading.pipeline import Pipeline
from hub.data.loading.sampler import GroupedBatchSampler
from hub.data.transforms import Transform
from hub.engine.build import label_spaces, needs, open_dataset
from hub.errors import ConfigError, DataError
from hub.model import Model


@dataclass(frozen=True)
class Source:
    """A dataset as a config declares it.

    Attributes:
        dataset: opened.
        turns: batches that it gives in a round.
        transforms: of its own, or None for those of all.
    """

    dataset: Dataset
    turns: int = 1
    transforms: list[dict[str, Any]] | None = None


def open_sources(declared: Mapping[str, Any] | Sequence[Mapping[str, Any]], *, root: str, where: str) -> list[Source]:
    """Open the dataset of a config section, or those of a list of sections.

    Raises:
        ConfigError: an empty list, or ``turns`` below 1.
        HubError: see `open_dataset`.
    """
    alone = isinstance(declared, Mapping)
    several: Sequence[Mapping[str, Any]] = [declared] if isinstance(declared, Mapping) else declared
    if not several:
        raise ConfigError(f"{where} is an empty list", fix="name at least one dataset")
    sources = []
    for number, section in enumerate(several):
        place = where if alone else f"{where}.{number}"
        options = dict(section)
        turns, transforms = options.pop("turns", 1), options.pop("transforms", None)
        if not isinstance(turns, int) or turns < 1:
            raise ConfigError(f"{place}.turns is {turns!r}", fix="give the number of its batches in a round, from 1")
        sources.append(Source(open_dataset(options, root=root, where=place), turns, transforms))
    return sources


def has_targets_for(head: Head, dataset: Dataset) -> bool:
    """Whether a dataset has all that a head learns from."""
    return bool(head.needs) and head.needs <= dataset.provides


def check_feeds(model: Model, datasets: Sequence[Dataset]) -> None:
    """Refuse several datasets of which one feeds no head, or that leave a head without any.

    Raises:
        DataError: names the dataset, or the head and what it needs.
    """
    if len(datasets) == 1:
        return  # the pipeline says what is missing
    for dataset in datasets:
        if not any(has_targets_for(head, dataset) for _, head in model.items()):
            raise DataError(
                f"{dataset.name} feeds no head of {model.recipe.name}: it provides "
                f"{', '.join(sorted(dataset.provides)) or 'images alone'}",
                fix="leave it out, or add a head that learns from it",
            )
    for name, head in model.items():
        if head.needs and not any(has_targets_for(head, dataset) for dataset in datasets):
            raise DataError(
                f"{name} learns from {' and '.join(sorted(head.needs))}, which none of the datasets has together",
                fix="add a dataset that has, or leave the head out",
            )


class TrainBatches:
    """Batches for the steps of a run: a pure function of (seed, step), whatever the number of workers.

    The datasets' turns are spread evenly over a round, and a round is repeated until the end. An epoch is over when
    every image of the first dataset had its turn.

    Args:
        sources: the datasets.
        model: whose heads learn from them.
        transforms: of each source, in order.
        batch_size: images a process and step.
        seed: of the run.
        rank: of this process.
        world_size: number of processes.

    Raises:
        DataError, LabelMismatchError: see `check_feeds` and `hub.data.loading.pipeline.Pipeline`.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        model: Model,
        transforms: Sequence[Transform],
        *,
        batch_size: int,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        check_feeds(model, [source.dataset for source in sources])
        self.model = model
        self.pipelines = [
            Pipeline(
                source.dataset,
                transform,
                needs=needs(model, source.dataset if len(sources) > 1 else None),
                label_spaces=label_spaces(model),
                in_chans=model.preprocessing.in_chans,
                pixels=model.preprocessing.pixels,
                seed=seed,
            )
            for source, transform in zip(sources, transforms, strict=True)
        ]
        self.samplers = [
            GroupedBatchSampler(
                source.dataset.sizes, batch_size=batch_size, seed=seed, rank=rank, world_size=world_size
            )
            for source in sources
        ]
        self.round = spread([source.turns for source in sources])

    @property
    def steps_per_epoch(self) -> int:
        """Steps until every image of the first dataset had its turn, but for an incomplete last batch."""
        return -(-self.samplers[0].steps_per_epoch * len(self.round) // self.round.count(0))

    def batches(self, start_step: int, *, workers: int, device: torch.device) -> Iterator[Batch]:
        """Batches without end, from step ``start_step`` of the run on.

        Args:
            start_step: steps done.
            workers: loader processes, shared by the datasets, but at least one for each.
            device: that they are for.
        """
        rounds, done = divmod(start_step, len(self.round))
        each = max(1, workers // len(self.pipelines)) if workers else 0
        loaders = [
            train_loader(
                pipeline,
                sampler,
                start_step=rounds * self.round.count(i) + self.round[:done].count(i),
                workers=each,
                divisor=self.model.divisor,
                device=device,
            )
            for i, (pipeline, sampler) in enumerate(zip(self.pipelines, self.samplers, strict=True))
        ]
        while True:
            for turn in self.round[done:]:
                yield next(loaders[turn]).batch
            done = 0


def spread(turns: Sequence[int]) -> list[int]:
    """Whose turn it is at each step of a round, as evenly as can be.

    >>> spread([2, 1]), spread([1])
    ([0, 1, 0], [0])
    """
    total = sum(turns)
    order: list[int] = []
    for step in range(1, total + 1):
        behind = [turn * step - order.count(i) * total for i, turn in enumerate(turns)]
        order.append(behind.index(max(behind)))
    return order
