"""Draw predictions on the first validation images after each evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from hub.contract import Detections, Evaluation, Result, Sample
from hub.contract.dataset import Dataset
from hub.contract.targets import OBJECTS
from hub.engine.callbacks.callback import Callback
from hub.engine.training import Training
from hub.images import to_rgb
from hub.model import Model
from hub.visual import side_by_side, write_image
from hub.visual.sample import caption, draw_sample

SCORE = 0.5  # of the detections that are drawn
BEST = 3  # detections that are drawn if none has this score
CELL = 320  # pixels of the longer side, at least about


class SamplePredictions(Callback):
    """Draw annotations and predictions of a few validation images, for the loggers and as ``predictions.png``.

    Args:
        count: number of images.
    """

    def __init__(self, count: int = 8) -> None:
        self.count = count

    def on_evaluation_end(self, trainer: Training, evaluations: Mapping[str, Evaluation]) -> None:
        """Draw, log and write the image."""
        if not trainer.world.is_main or not trainer.val_data:
            return
        data = trainer.val_data[0]
        picture = draw_predictions(trainer.eval_model, data, count=self.count, precision=trainer.precision)
        trainer.log_image("predictions", picture)
        if trainer.run is not None:
            write_image(trainer.run.predictions, picture)


def draw_predictions(model: Model, dataset: Dataset, *, count: int = 8, precision: str = "auto") -> np.ndarray:
    """Return a grid of images: for each head what is annotated, and beside it what the model predicts.

    Args:
        model: a model on any device.
        dataset: images with annotations; a head whose targets it lacks is shown without them.
        count: number of images, chosen by `informative_images`.
        precision: see `hub.precision.autocast`.

    Returns:
        (H, W, 3) uint8 RGB, with a title above each picture.
    """
    needs = {name: head.needs & dataset.provides for name, head in model.items()}
    every = frozenset().union(*needs.values())
    chosen = informative_images(dataset, count)
    samples = [dataset.load(i, every, in_chans=model.preprocessing.in_chans) for i in chosen]
    results = model.infer(model.prepare([sample.image for sample in samples]), precision=precision)
    pictures, titles = [], []
    for name, head in model.items():
        prefix = f"{name}: " if len(model.heads) > 1 else ""
        for sample, result in zip(samples, results[name], strict=True):
            score = _visible_score(result)
            drawn = [head.draw(to_rgb(sample.image), result, score=score)]
            text = [f"{prefix}predicted" + ("" if score == SCORE else f", scores from {score:.2f}")]
            if needs[name]:
                truth = _only(sample, needs[name])
                tags = caption(truth, dataset.label_spaces)
                drawn.insert(0, draw_sample(truth, dataset.label_spaces))
                text.insert(0, f"{prefix}annotated" + (f": {tags}" if tags else ""))
            pictures += drawn
            titles += text
    return side_by_side([_enlarged(picture) for picture in pictures], titles, columns=4)


def informative_images(dataset: Dataset, count: int) -> list[int]:
    """Return the indices of images spread over a dataset, only of those with objects if it has any.

    Args:
        dataset: with or without objects.
        count: at most so many.
    """
    candidates = np.arange(len(dataset))
    packed = dataset.instances
    if packed is not None:
        owners = np.repeat(candidates, np.diff(packed.offsets))[packed.usable & ~packed.crowd]
        candidates = np.unique(owners) if len(owners) else candidates
    places = np.linspace(0, len(candidates) - 1, min(count, len(candidates))).round().astype(int)
    return [int(i) for i in candidates[np.unique(places)]]


def _visible_score(result: Result) -> float:
    """Return the score to draw from: below `SCORE` if no detection reaches it, so that the best few are visible."""
    if not isinstance(result, Detections) or not len(result) or float(result.scores[0]) >= SCORE:
        return SCORE
    return float(result.scores[min(BEST, len(result)) - 1])


def _only(sample: Sample, needs: frozenset[str]) -> Sample:
    """Return a sample with the targets of one head alone."""
    objects = sample.instances if needs & OBJECTS or needs & _fields(sample) else None
    if objects is not None and "masks" not in needs:
        objects = replace(objects, masks=None)
    if objects is not None and "keypoints" not in needs:
        objects = replace(objects, keypoints=None)
    maps = {name: values for name, values in sample.maps.items() if name in needs}
    tags = {name: values for name, values in sample.tags.items() if name in needs}
    return replace(sample, instances=objects, maps=maps, tags=tags)


def _fields(sample: Sample) -> frozenset[str]:
    """Return the names of the further fields of a sample's objects."""
    return frozenset() if sample.instances is None else frozenset(sample.instances.fields)


def _enlarged(picture: np.ndarray) -> np.ndarray:
    """Repeat the pixels of a small picture, so that titles have room."""
    factor = max(1, round(CELL / max(picture.shape[:2])))
    return picture.repeat(factor, 0).repeat(factor, 1)
