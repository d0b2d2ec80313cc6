"""Drawn predictions: people look before they read."""

from __future__ import annotations

from pathlib import Path

from hub.contract.dataset import Dataset
from hub.images import to_rgb
from hub.model import Model
from hub.visual import side_by_side, write_image


def draw_predictions(model: Model, dataset: Dataset, path: Path, *, count: int = 8, precision: str = "auto") -> None:
    """Write a sheet of the first images of ``dataset`` with what each head found, named where there are several.

    Args:
        model: on any device.
        dataset: its annotations are not read.
        path: a PNG file.
        count: images drawn.
        precision: see `hub.precision.autocast`.
    """
    samples = [
        dataset.load(i, frozenset(), in_chans=model.preprocessing.in_chans) for i in range(min(count, len(dataset)))
    ]
    pixels = [sample.image for sample in samples]
    batch = model.prepare(pixels)
    drawn, titles = [], []
    answers = model.infer(batch, precision=precision)
    for name, head in model.items():
        drawn += [head.draw(to_rgb(image), result) for image, result in zip(pixels, answers[name], strict=True)]
        titles += [name] * len(pixels)
    write_image(path, side_by_side(drawn, titles if len(model.heads) > 1 else (), columns=4))
