"""Draw samples of the data as training or evaluation uses them, to check them before training."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from hub.contract.dataset import Dataset
from hub.contract.sample import Sample
from hub.data.loading.pipeline import Pipeline
from hub.data.transforms import Transform
from hub.engine.build import build_model, label_spaces, needs
from hub.engine.config import Config
from hub.engine.train_batches import TrainBatches, open_sources
from hub.labels import LabelSpace
from hub.visual import side_by_side
from hub.visual.sample import caption, draw_sample, enlarge

CELL = 480  # pixels of a picture's longer side on the sheet
COLUMNS = 4


def config_pipelines(config: Config, *, val: bool = False) -> tuple[list[Pipeline], dict[str, LabelSpace]]:
    """Return the pipelines of training, one per dataset, and the label spaces of their samples.

    Args:
        config: of a run.
        val: the validation data with evaluation's resize instead, and with their annotations.

    Raises:
        HubError: whatever is wrong with the config, the data or the model.
    """
    sources = open_sources(config.data.train, root=config.data.root, where="data.train")
    model = build_model(config, [source.dataset for source in sources], pretrained=False)
    labels = label_spaces(model)
    if not val:
        shared = None if config.data.transforms is None else Transform.parse(config.data.transforms)
        sources = [source.with_default(shared) for source in sources]
        return TrainBatches(sources, model, batch_size=1, seed=config.train.seed).pipelines, labels
    sources = open_sources(config.data.val, root=config.data.root, where="data.val")
    pipelines = [
        Pipeline(
            source.dataset,
            Transform.resize(model.preprocessing.resize),
            needs=needs(model, source.dataset if len(sources) > 1 else None),
            label_spaces=labels,
            in_chans=model.preprocessing.in_chans,
            pixels=model.preprocessing.pixels,
        )
        for source in sources
    ]
    return pipelines, labels


def plain_pipeline(dataset: Dataset) -> Pipeline:
    """Return a pipeline of a dataset with all its targets, without transforms."""
    return Pipeline(dataset, Transform(), needs=dataset.provides)


def draw_samples_grid(
    pipelines: Sequence[Pipeline], labels: Mapping[str, LabelSpace], *, count: int = 12, epoch: int = 0
) -> np.ndarray:
    """Draw a grid of samples, spread evenly over each dataset, with equally many of each.

    Args:
        pipelines: give them.
        labels: that the samples' numbers index; see `hub.visual.sample.draw_sample`.
        count: samples drawn, at most as many as there are, and at least one of each pipeline.
        epoch: whose augmentation is shown.

    Returns:
        (H, W, 3) uint8 RGB; above each sample its tags, its id, its size in pixels and its number of objects.
    """
    pictures, titles = [], []
    for number, pipeline in enumerate(pipelines):
        own = max(1, (count + number) // len(pipelines))
        for index in np.unique(np.linspace(0, len(pipeline) - 1, min(own, len(pipeline))).round()).astype(int).tolist():
            sample = pipeline[epoch, index]
            pictures.append(_picture(sample, labels))
            titles.append(_title(sample, labels))
    sides = np.array([picture.shape[:2] for picture in pictures])
    height, width = np.maximum(1, sides * (CELL / sides.max(1, keepdims=True))).max(0).round().astype(int).tolist()
    return side_by_side(pictures, titles, columns=COLUMNS, cell=(height, width))


def _picture(sample: Sample, labels: Mapping[str, LabelSpace]) -> np.ndarray:
    # At twice a cell's size or more, so that letters and lines are fine on what they name once it is shrunk.
    return draw_sample(enlarge(sample, math.ceil(2 * CELL / max(sample.image.shape[:2]))), labels)


def _title(sample: Sample, labels: Mapping[str, LabelSpace]) -> str:
    height, width = sample.image.shape[:2]
    words = [caption(sample, labels), str(sample.id), f"{width} x {height}"]
    if sample.instances is not None:
        n = len(sample.instances)
        words.append(f"{n} object{'s' * (n != 1)}")
    return " · ".join(word for word in words if word)
