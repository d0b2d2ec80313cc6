"""A model's answers for images that are too large to be seen at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from hub.errors import OptionError
from hub.images import resize_image
from hub.model.batch import Batch
from hub.model.results import Result
from hub.model.windows import Place, Weights, WindowLayout, importance
from hub.precision import autocast

if TYPE_CHECKING:
    from hub.model.model import Model


@dataclass(frozen=True)
class Windows:
    """How an image is cut into windows. It keeps its own size: the model's rule of resizing is left out.

    Args:
        size: height and width of every window in pixels, or the side of a square; multiples of the model's divisor.
            An image that is smaller is padded.
        overlap: share of a window that its neighbour covers at least, from 0 to below 1. Objects no larger than
            ``overlap * size`` are seen whole by some window.
        weights: how much a place of a window counts where dense answers overlap; see `hub.model.windows.importance`.
        scale: factor by which the image is resized first.
        batch_size: windows computed together.

    Raises:
        OptionError: a value that there cannot be.

    >>> Windows(512).sides, Windows((512, 768), scale=0.5).scaled(3000, 4000)
    ((512, 512), (1500, 2000))
    """

    size: int | tuple[int, int]
    overlap: float = 0.5
    weights: Weights = "gaussian"
    scale: float = 1.0
    batch_size: int = 8

    def __post_init__(self) -> None:
        if not 0 < self.scale < float("inf"):
            raise OptionError(f"an image cannot be scaled by {self.scale}", fix="give a factor above 0, such as 0.5")
        layout = WindowLayout.of((1, 1), self.size, self.overlap)
        next(layout.batches(self.batch_size))
        importance((1,), self.weights)

    @classmethod
    def of(cls, given: Windows | int | Sequence[int], **options: Any) -> Windows:
        """Windows of this size, with these options; what are windows already is left as it is."""
        if isinstance(given, Windows):
            return given
        return cls(given if isinstance(given, int) else tuple(given), **options)  # type: ignore[arg-type]

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return (self.size, self.size) if isinstance(self.size, int) else self.size

    def scaled(self, height: int, width: int) -> tuple[int, int]:
        """The (height, width) in pixels of the image that windows are cut from."""
        return max(1, round(height * self.scale)), max(1, round(width * self.scale))

    def check(self, divisor: int, *, name: str) -> None:
        """Refuse sides that a backbone's strides do not divide.

        Raises:
            OptionError: with the next sides that would do.
        """
        good = tuple(-(-side // divisor) * divisor for side in self.sides)
        if good != self.sides:
            raise OptionError(
                f"windows of {self.sides[0]}×{self.sides[1]} pixels do not fit {name}, whose largest stride is "
                f"{divisor}",
                fix=f"use {good[0]}×{good[1]}",
            )


class WindowMerger(Protocol):
    """Makes one head's answer for an image of its answers for windows; see `hub.Head.window_merger`."""

    def add(self, predictions: Mapping[str, Tensor], places: Sequence[Place]) -> None:
        """Take in what `hub.Head.predict` gave for windows.

        Args:
            predictions: with first dimension n, in pixels of the windows, on any device.
            places: of the n windows, in the order of the layout.
        """

    def result(self) -> Result:
        """The answer, once all windows have been added: on the CPU, in pixels of the original file."""


def infer_windows(model: Model, batch: Batch, windows: Windows, *, precision: str = "auto") -> dict[str, list[Result]]:
    """Results of images looked at in windows: head → one an image. All windows have one size.

    Args:
        model: in eval mode.
        batch: images of any size, at the resolution that ``windows.scale`` is of.
        windows: how to cut them.
        precision: see `hub.precision.autocast`.

    Raises:
        OptionError: windows that do not fit the model, or a head that cannot answer in windows.
    """
    windows.check(model.divisor, name=model.recipe.name)
    found: dict[str, list[Result]] = {name: [] for name in model.heads}
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
    """One image without padding, at the size that windows are cut from."""
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
    """Windows as images of a batch."""
    image = whole.images[0]
    parts = [image[:, rows, columns] for rows, columns in map(layout.slices, places)]
    stacked = torch.stack([layout.pad(part) for part in parts]).contiguous(memory_format=torch.channels_last)
    sizes = torch.tensor([part.shape[1:] for part in parts])
    return replace(whole, images=stacked, sizes=sizes, original_sizes=sizes, ids=list(range(len(parts))))
