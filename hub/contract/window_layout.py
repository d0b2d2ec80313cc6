"""The positions of windows on an image that is too large for one forward pass, with any number of spatial axes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, product

from torch import Tensor

from hub.errors import OptionError

Place = tuple[int, ...]
"""The start of a window along each spatial axis."""


def window_starts(size: int, window: int, overlap: float = 0.5) -> list[int]:
    """Return where windows start along one axis: as few as cover it with this overlap, evenly spread.

    The last window ends with the axis, so that an object no longer than ``overlap * window`` is complete in some window
    (Isensee et al. 2021, https://doi.org/10.1038/s41592-020-01008-z).

    Args:
        size: of the image along the axis.
        window: of the window; a window that is larger than the image starts at 0 and ends beyond it.
        overlap: least fraction of a window that its neighbor covers, from 0 to below 1.

    >>> window_starts(10, 4, 0.5), window_starts(9, 4, 0), window_starts(3, 4)
    ([0, 2, 4, 6], [0, 2, 5], [0])
    """
    last = size - window
    if last <= 0:
        return [0]
    step = max(1, int(window * (1 - overlap) + 1e-6))  # 10 · (1 − 0.9) is a little below 1
    gaps = -(-last // step)
    return [i * last // gaps for i in range(gaps + 1)]


@dataclass(frozen=True)
class WindowLayout:
    """The positions of the windows of one image, all of one size; along each axis they are those of `window_starts`.

    Attributes:
        size: of the image along its spatial axes.
        window: of every window; it may end beyond the image.
        overlap: of neighbors, from 0 to below 1.

    Raises:
        OptionError: the overlap or the window is invalid, or the window and the image differ in their number of axes.

    >>> list(WindowLayout((4, 6), (4, 4)))
    [(0, 0), (0, 2)]
    """

    size: tuple[int, ...]
    window: tuple[int, ...]
    overlap: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.overlap < 1:
            raise OptionError(
                f"windows cannot overlap by {self.overlap}", fix="give a fraction from 0 to below 1, such as 0.5"
            )
        if not self.window or min(self.window) < 1:
            raise OptionError(f"a window cannot have the sides {self.window}", fix="give sides of at least 1")
        if len(self.window) != len(self.size):
            raise OptionError(
                f"a window of {len(self.window)} sides, {self.window}, does not fit an image of {len(self.size)} "
                f"axes, {self.size}",
                fix="give one side for each axis",
            )

    @classmethod
    def of(cls, size: Sequence[int], window: int | Sequence[int], overlap: float = 0.5) -> WindowLayout:
        """Return the layout for an image of this size; one number is the side of a square or a cube."""
        sides = (window,) * len(size) if isinstance(window, int) else tuple(window)
        return cls(tuple(size), sides, overlap)

    @cached_property
    def starts(self) -> tuple[list[int], ...]:
        """Where windows start, along each axis."""
        return tuple(window_starts(*axis, self.overlap) for axis in zip(self.size, self.window, strict=True))

    def __len__(self) -> int:
        return math.prod(map(len, self.starts))

    def __iter__(self) -> Iterator[Place]:
        """Yield the place of each window, the last axis fastest."""
        return product(*self.starts)

    def batches(self, count: int) -> Iterator[list[Place]]:
        """Yield the same places, ``count`` at a time.

        Raises:
            OptionError: ``count`` is less than 1.
        """
        if count < 1:
            raise OptionError(f"cannot predict {count} windows at a time", fix="give a batch size of at least 1")
        places = iter(self)
        while batch := list(islice(places, count)):
            yield batch

    def slices(self, place: Place) -> tuple[slice, ...]:
        """Return the part of the image that a window covers."""
        axes = zip(place, self.window, self.size, strict=True)
        return tuple(slice(start, min(start + window, size)) for start, window, size in axes)

    def pad(self, part: Tensor) -> Tensor:
        """Return a part (…, *sides) of the image, padded with zeros at the ends of its axes to the size of a window."""
        if tuple(part.shape[-len(self.window) :]) == self.window:
            return part
        full = part.new_zeros(*part.shape[: -len(self.window)], *self.window)
        full[tuple(slice(side) for side in part.shape)] = part
        return full
