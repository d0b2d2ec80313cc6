"""The batches of training: of one dataset, or of several that alternate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import torch

from hub.contract import Batch, Head
from hub.contract.dataset import Dataset
from hub.data.loading.loader import train_loader
from hub.data.loading.pipeline import Pipeline
from hub.data.loading.sampler import GroupedBatchSampler
from hub.data.transforms import Transform
from hub.engine.build import label_spaces, needs, open_dataset, training_transform
from hub.engine.config import Config
from hub.errors import ConfigError, DataError
from hub.model import Model


@dataclass(frozen=True)
class Source:
    """A training dataset with its options.

    Attributes:
        dataset: the dataset.
        batches_per_cycle: number of batches of this dataset in a cycle, if several datasets alternate.
        transform: training transform; None means a horizontal flip and the model's resize.
    """

    dataset: Dataset
    batches_per_cycle: int = 1
    transform: Transform | None = None

    @classmethod
    def of(cls, data: Dataset | Source) -> Source:
        """Return a dataset as a source; return a source unchanged."""
        return data if isinstance(data, Source) else cls(data)

    def with_default(self, transform: Transform | None) -> Source:
        """Return the source, with this transform if it has none."""
        return self if self.transform is not None else replace(self, transform=transform)


def open_sources(
    declared: Mapping[str, object] | Sequence[Mapping[str, object]], *, root: str, where: str
) -> list[Source]:
    """Open the dataset of a config section, or those of a list of sections.

    Raises:
        ConfigError: an empty list, or ``batches_per_cycle`` below 1.
        HubError: see `open_dataset` and `hub.data.transforms.Transform.parse`.
    """
    alone = isinstance(declared, Mapping)
    several: Sequence[Mapping[str, object]] = [declared] if isinstance(declared, Mapping) else declared
    if not several:
        raise ConfigError(f"{where} is an empty list", fix="name at least one dataset")
    sources = []
    for number, section in enumerate(several):
        place = where if alone else f"{where}.{number}"
        options = dict(section)
        batches, transforms = options.pop("batches_per_cycle", 1), options.pop("transforms", None)
        if not isinstance(batches, int) or batches < 1:
            raise ConfigError(
                f"{place}.batches_per_cycle is {batches!r}", fix="give the number of its batches in a cycle, from 1"
            )
        transform = None if transforms is None else Transform.parse(cast(Sequence[Mapping[str, object]], transforms))
        sources.append(Source(open_dataset(options, root=root, where=place), batches, transform))
    return sources


def validation_data(config: Config) -> list[Dataset]:
    """Open the validation data of a config; see `open_sources` for what it raises."""
    return [s.dataset for s in open_sources(config.data.val, root=config.data.root, where="data.val")]


def steps_per_epoch(sources: Sequence[Source], batch_size: int) -> int:
    """Return the steps after which every image of the first dataset was used, but for an incomplete last batch.

    Args:
        sources: the datasets.
        batch_size: images per step, over all processes.
    """
    first = sources[0]
    cycle = sum(source.batches_per_cycle for source in sources)
    return -(-max(1, len(first.dataset) // batch_size) * cycle // first.batches_per_cycle)


def has_targets_for(head: Head, dataset: Dataset) -> bool:
    """Return whether a dataset provides all targets that a head needs."""
    return bool(head.needs) and head.needs <= dataset.provides


def check_feeds(model: Model, datasets: Sequence[Dataset]) -> None:
    """Check for several datasets that each provides the targets of a head, and each head has a dataset.

    Raises:
        DataError: the message names the dataset, or the head and its targets.
    """
    if len(datasets) == 1:
        return  # the pipeline reports what is missing
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
    """The batches of a run, a pure function of (seed, step) that does not depend on the number of workers.

    The batches of several datasets are spread evenly over a cycle, which repeats until the end. An epoch ends when
    every image of the first dataset was used.

    Args:
        sources: the datasets.
        model: the model to train.
        batch_size: images per step and process.
        seed: seed of the run.
        rank: rank of this process.
        world_size: number of processes.

    Raises:
        DataError, LabelMismatchError: see `check_feeds` and `hub.data.loading.pipeline.Pipeline`.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        model: Model,
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
                source.transform if source.transform is not None else training_transform(None, model),
                needs=needs(model, source.dataset if len(sources) > 1 else None),
                label_spaces=label_spaces(model),
                in_chans=model.preprocessing.in_chans,
                pixels=model.preprocessing.pixels,
                seed=seed,
            )
            for source in sources
        ]
        self.samplers = [
            GroupedBatchSampler(
                source.dataset.sizes, batch_size=batch_size, seed=seed, rank=rank, world_size=world_size
            )
            for source in sources
        ]
        self.cycle = spread([source.batches_per_cycle for source in sources])

    def batches(self, start_step: int, *, workers: int, device: torch.device) -> Iterator[Batch]:
        """Yield batches endlessly, starting with step ``start_step`` of the run.

        Args:
            start_step: steps done.
            workers: loader processes, shared by the datasets, but at least one for each.
            device: device that trains on them.
        """
        cycles, done = divmod(start_step, len(self.cycle))
        each = max(1, workers // len(self.pipelines)) if workers else 0
        loaders = [
            train_loader(
                pipeline,
                sampler,
                start_step=cycles * self.cycle.count(i) + self.cycle[:done].count(i),
                workers=each,
                divisor=self.model.divisor,
                device=device,
            )
            for i, (pipeline, sampler) in enumerate(zip(self.pipelines, self.samplers, strict=True))
        ]
        while True:
            for source in self.cycle[done:]:
                yield next(loaders[source]).batch
            done = 0


def spread(batches: Sequence[int]) -> list[int]:
    """Return the dataset of each step of a cycle, spread as evenly as possible.

    Args:
        batches: number of batches per cycle of each dataset.

    >>> spread([2, 1]), spread([1])
    ([0, 1, 0], [0])
    """
    total = sum(batches)
    order: list[int] = []
    for step in range(1, total + 1):
        behind = [count * step - order.count(i) * total for i, count in enumerate(batches)]
        order.append(behind.index(max(behind)))
    return order
