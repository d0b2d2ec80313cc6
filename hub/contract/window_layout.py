"""Where windows lie on an image that is too large to be seen at once; it may have any number of spatial axes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, product

from torch import Tensor

from hub.errors import OptionError

Place = tuple[int, ...]
"""Where a window starts, along each spatial axis."""


def window_starts(size: int, window: int, overlap: float = 0.5) -> list[int]:
    """Where windows start along one axis: as few as cover it with this overlap, evenly spread (Isensee et al. 2021).

    The last window ends with the axis. So whatever is no longer than ``overlap * window`` lies whole in some window.

    Args:
        size: of the image along the axis.
        window: of the window; one that is larger than the image starts at 0 and reaches beyond it.
        overlap: share of a window that its neighbour covers at least, from 0 to below 1.

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
    """Where the windows of one image lie: everywhere of one size, along each axis as `window_starts` says.

    Attributes:
        size: of the image along its spatial axes.
        window: of every window; where it is larger than the image, it reaches beyond the image's end.
        overlap: of neighbours, from 0 to below 1.

    Raises:
        OptionError: an overlap or a window that there cannot be, or one with another number of axes than the image.

    >>> list(WindowLayout((4, 6), (4, 4)))
    [(0, 0), (0, 2)]
    """

    size: tuple[int, ...]
    window: tuple[int, ...]
    overlap: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.overlap < 1:
            raise OptionError(
                f"windows cannot overlap by {self.overlap}", fix="give a share from 0 to below 1, such as 0.5"
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
        """The layout for an image of this size; one number is the side of a square or a cube."""
        sides = (window,) * len(size) if isinstance(window, int) else tuple(window)
        return cls(tuple(size), sides, overlap)

    @cached_property
    def starts(self) -> tuple[list[int], ...]:
        """Along each axis."""
        return tuple(window_starts(*axis, self.overlap) for axis in zip(self.size, self.window, strict=True))

    def __len__(self) -> int:
        return math.prod(map(len, self.starts))

    def __iter__(self) -> Iterator[Place]:
        """The place of each window, the last axis fastest."""
        return product(*self.starts)

    def batches(self, count: int) -> Iterator[list[Place]]:
        """The same places, so many at a time.

        Raises:
            OptionError: none at a time.
        """
        if count < 1:
            raise OptionError(f"cannot predict {count} windows at a time", fix="give a batch size of at least 1")
        places = iter(self)
        while batch := list(islice(places, count)):
            yield batch

    def slices(self, place: Place) -> tuple[slice, ...]:
        """The part of the image that a window shows."""
        axes = zip(place, self.window, self.size, strict=True)
        return tuple(slice(start, min(start + window, size)) for start, window, size in axes)

    def pad(self, part: Tensor) -> Tensor:
        """A part (…, *sides) of the image with zeros at the ends of its axes, as large as a window."""
        if tuple(part.shape[-len(self.window) :]) == self.window:
            return part
        full = part.new_zeros(*part.shape[: -len(self.window)], *self.window)
        full[tuple(slice(side) for side in part.shape)] = part
        return full
