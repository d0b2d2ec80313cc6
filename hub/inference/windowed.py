"""Results of a model for images that are too large for one forward pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from hub.contract.batch import Batch
from hub.contract.head import Head
from hub.contract.recipe import Recipe
from hub.contract.results import Result
from hub.contract.window_layout import Place, WindowLayout
from hub.contract.windows import Windows
from hub.errors import OptionError
from hub.images import resize_image
from hub.pixel_format import ValueRange
from hub.precision import autocast


class WindowedModel(Protocol):
    """The part of a model that prediction in windows uses; a `hub.Model` has it."""

    @property
    def recipe(self) -> Recipe:
        """The recipe; messages use its name."""

    @property
    def divisor(self) -> int:
        """The sides of a window must be multiples of this."""

    @property
    def device(self) -> torch.device:
        """The device of the weights."""

    def items(self) -> Sequence[tuple[str, Head]]:
        """Return each head with its name."""

    def __call__(self, batch: Batch) -> Mapping[str, Mapping[str, Tensor]]:
        """Return the raw predictions: head → name → tensor."""


class Regions(Protocol):
    """An image that can be read in parts, such as a `hub.image_regions.ImageRegions`."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        """Read a part of the image, (h, w, C)."""


def infer_regions(
    model: WindowedModel,
    image: Regions,
    windows: Windows,
    *,
    value_range: ValueRange,
    image_id: int | str,
    precision: str = "auto",
) -> dict[str, list[Result]]:
    """Return the result for one large image, read window by window: head → one result.

    Args:
        model: in eval mode.
        image: at the resolution of the windows: ``windows.scale`` must be 1.
        windows: how to cut it.
        value_range: value range of its pixels; see `hub.Batch`.
        image_id: id of the image, for the result.
        precision: see `hub.precision.autocast`.

    Raises:
        OptionError: see `infer_windows`; or the scale of the windows is not 1.
        ImageError: a part of the image cannot be read.
    """
    if windows.scale != 1:
        raise OptionError("an image that is read in windows cannot be resized", fix="set scale to 1")
    corner = image.read(slice(0, 1), slice(0, 1))
    # Heads need only the size of the image: a view of one pixel takes no memory.
    pixels = torch.from_numpy(corner).permute(2, 0, 1)[None].expand(1, corner.shape[2], *image.size)
    size = torch.tensor([image.size])
    whole = Batch(images=pixels, sizes=size, original_sizes=size, ids=[image_id], value_range=value_range)

    def part(rows: slice, columns: slice) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(image.read(rows, columns))).permute(2, 0, 1)

    windows.check(model.divisor, name=model.recipe.name)
    return {name: [result] for name, result in _infer(model, whole, part, windows, precision).items()}


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
        OptionError: the windows do not fit the model, or a head cannot predict in windows.
    """
    windows.check(model.divisor, name=model.recipe.name)
    found: dict[str, list[Result]] = {name: [] for name, _ in model.items()}
    for i in range(len(batch)):
        whole = _whole(batch, i, windows)
        image = whole.images[0]
        for name, result in _infer(model, whole, partial(_slice, image), windows, precision).items():
            found[name].append(result)
    return found


def _infer(
    model: WindowedModel, whole: Batch, part: Callable[[slice, slice], Tensor], windows: Windows, precision: str
) -> dict[str, Result]:
    """Return the result of each head for one image, whose parts (C, h, w) are given by ``part``."""
    layout = WindowLayout(tuple(whole.sizes[0].tolist()), windows.sides, windows.overlap)
    mergers = {name: head.window_merger(whole, layout, weights=windows.weights) for name, head in model.items()}
    for places in layout.batches(windows.batch_size):
        with autocast(model.device, precision):
            raw = model(_cut(whole, part, layout, places).to(model.device))
        for name, merger in mergers.items():
            merger.add(raw[name], places)
    return {name: merger.result() for name, merger in mergers.items()}


def _slice(image: Tensor, rows: slice, columns: slice) -> Tensor:
    return image[:, rows, columns]


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


def _cut(whole: Batch, part: Callable[[slice, slice], Tensor], layout: WindowLayout, places: Sequence[Place]) -> Batch:
    """Return windows as the images of a batch."""
    parts = [part(rows, columns) for rows, columns in map(layout.slices, places)]
    stacked = torch.stack([layout.pad(each) for each in parts]).contiguous(memory_format=torch.channels_last)
    sizes = torch.tensor([each.shape[1:] for each in parts])
    return replace(whole, images=stacked, sizes=sizes, original_sizes=sizes, ids=list(range(len(parts))))
