"""Draw predictions on the first validation images after each evaluation."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hub.contract import Evaluation
from hub.contract.dataset import Dataset
from hub.engine.callbacks.callback import Callback
from hub.engine.training import Training
from hub.images import to_rgb
from hub.model import Model
from hub.visual import side_by_side, write_image


class SamplePredictions(Callback):
    """Draw what the model predicts for a few validation images, for the loggers and as ``predictions.png``.

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
    """Return a grid of the first images of a dataset with each head's predictions.

    Args:
        model: a model on any device.
        dataset: the images; annotations are not read.
        count: number of images.
        precision: see `hub.precision.autocast`.

    Returns:
        (H, W, 3) uint8 RGB; with several heads, the name of the head is above each image.
    """
    samples = [
        dataset.load(i, frozenset(), in_chans=model.preprocessing.in_chans) for i in range(min(count, len(dataset)))
    ]
    pixels = [sample.image for sample in samples]
    drawn, titles = [], []
    results = model.infer(model.prepare(pixels), precision=precision)
    for name, head in model.items():
        drawn += [head.draw(to_rgb(image), result) for image, result in zip(pixels, results[name], strict=True)]
        titles += [name] * len(pixels)
    return side_by_side(drawn, titles if len(model.heads) > 1 else (), columns=4)
