"""Results of a model for images that are too large for one forward pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor

from hub.contract.batch import Batch
from hub.contract.head import Head
from hub.contract.recipe import Recipe
from hub.contract.results import Result
from hub.contract.window_layout import Place, WindowLayout
from hub.contract.windows import Windows
from hub.images import resize_image
from hub.precision import autocast


class WindowedModel(Protocol):
    """What predicting in windows needs of a model, such as a `hub.Model`."""

    @property
    def recipe(self) -> Recipe:
        """Whose name messages give."""

    @property
    def divisor(self) -> int:
        """The sides of a window must be multiples of this."""

    @property
    def device(self) -> torch.device:
        """Where it computes."""

    def items(self) -> Sequence[tuple[str, Head]]:
        """Each head with its name."""

    def __call__(self, batch: Batch) -> Mapping[str, Mapping[str, Tensor]]:
        """Head → its raw predictions."""


def infer_windows(
    model: WindowedModel, batch: Batch, windows: Windows, *, precision: str = "auto"
) -> dict[str, list[Result]]:
    """Return the results of images that are predicted in windows of one size: head → one result per image.

    Args:
        model: in eval mode.
        batch: images of any size, at the resolution that ``windows.scale`` refers to.
        windows: how to cut them.
        precision: see `hub.precision.autocast`.

    Raises:
        OptionError: windows that do not fit the model, or a head that cannot predict in windows.
    """
    windows.check(model.divisor, name=model.recipe.name)
    found: dict[str, list[Result]] = {name: [] for name, _ in model.items()}
    for i in range(len(batch)):
        whole = _whole(batch, i, windows)
        layout = WindowLayout(tuple(whole.sizes[0].tolist()), windows.sides, windows.overlap)
        mergers = {name: head.window_merger(whole, layout, weights=windows.weights) for name, head in model.items()}
        for places in layout.batches(windows.batch_size):
            with autocast(model.device, precision):
                raw = model(_cut(whole, layout, places).to(model.device))
            for name, merger in mergers.items():
                merger.add(raw[name], places)
        for name, merger in mergers.items():
            found[name].append(merger.result())
    return found


def _whole(batch: Batch, i: int, windows: Windows) -> Batch:
    """Return one image without padding, at the size that windows are cut from."""
    height, width = batch.sizes[i].tolist()
    image = batch.images[i, :, :height, :width]
    size = windows.scaled(height, width)
    if size != (height, width):
        pixels = resize_image(image.permute(1, 2, 0).cpu().contiguous().numpy(), size)
        image = torch.from_numpy(pixels).permute(2, 0, 1)
    return replace(
        batch,
        images=image[None],
        sizes=torch.tensor([size]),
        original_sizes=batch.original_sizes[i : i + 1].cpu(),
        ids=batch.ids[i : i + 1] if len(batch.ids) else [i],
        instances=None,
        maps={},
        tags={},
    )


def _cut(whole: Batch, layout: WindowLayout, places: Sequence[Place]) -> Batch:
    """Return windows as images of a batch."""
    image = whole.images[0]
    parts = [image[:, rows, columns] for rows, columns in map(layout.slices, places)]
    stacked = torch.stack([layout.pad(part) for part in parts]).contiguous(memory_format=torch.channels_last)
    sizes = torch.tensor([part.shape[1:] for part in parts])
    return replace(whole, images=stacked, sizes=sizes, original_sizes=sizes, ids=list(range(len(parts))))
