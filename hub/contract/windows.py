"""How large images are cut into windows, and how a head merges its predictions for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from torch import Tensor

from hub.contract.results import Result
from hub.contract.window_layout import Place, WindowLayout
from hub.errors import OptionError

Weights = Literal["gaussian", "constant"]
"""How much the positions of a window count where dense predictions overlap; see
`hub.inference.windows.importance`."""


@dataclass(frozen=True)
class Windows:
    """How an image is cut into windows. The image keeps its own size instead of being resized for the model.

    Args:
        size: height and width of every window in pixels, or the side of a square; multiples of the model's divisor.
            An image that is smaller is padded.
        overlap: least fraction of a window that its neighbor covers, from 0 to below 1. Objects no larger than
            ``overlap * size`` are complete in some window.
        weights: how much the positions of a window count where dense predictions overlap; see
            `hub.inference.windows.importance`.
        scale: factor by which the image is resized first.
        batch_size: windows computed together.

    Raises:
        OptionError: a value out of range.

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
        if self.weights not in get_args(Weights):
            raise OptionError(
                f"unknown window weights {self.weights!r}", fix=f"use one of {', '.join(get_args(Weights))}"
            )
        layout = WindowLayout.of((1, 1), self.size, self.overlap)
        next(layout.batches(self.batch_size))

    @classmethod
    def of(cls, given: Windows | int | tuple[int, int], *, batch_size: int = 8) -> Windows:
        """Return windows of this size; given windows are returned as they are."""
        return given if isinstance(given, Windows) else cls(given, batch_size=batch_size)

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return (self.size, self.size) if isinstance(self.size, int) else self.size

    def scaled(self, height: int, width: int) -> tuple[int, int]:
        """Return the height and width in pixels of the image that windows are cut from."""
        return max(1, round(height * self.scale)), max(1, round(width * self.scale))

    def check(self, divisor: int, *, name: str) -> None:
        """Refuse sides that the strides of a backbone do not divide.

        Raises:
            OptionError: the message has the next larger sides that fit.
        """
        good = tuple(-(-side // divisor) * divisor for side in self.sides)
        if good != self.sides:
            raise OptionError(
                f"windows of {self.sides[0]}×{self.sides[1]} pixels do not fit {name}, whose largest stride is "
                f"{divisor}",
                fix=f"use {good[0]}×{good[1]}",
            )


class WindowMerger(Protocol):
    """Merges the predictions of one head for windows into its result for the image; see `hub.Head.window_merger`."""

    def add(self, predictions: Mapping[str, Tensor], places: Sequence[Place]) -> None:
        """Add what `hub.Head.predict` returned for windows.

        Args:
            predictions: with first dimension n, in pixels of the windows, on any device.
            places: places of the n windows, in the order of the layout.
        """

    def result(self) -> Result:
        """Return the result, once all windows have been added: on the CPU, in pixels of the original file."""
