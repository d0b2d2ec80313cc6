"""Prediction of an image in windows, with any number of spatial axes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce
from itertools import chain, combinations
from typing import Protocol, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hub.contract.window_layout import Place, WindowLayout
from hub.contract.windows import Weights
from hub.errors import ContractError, OptionError

Slab = tuple[int, Tensor]
"""The start of a slab along the first spatial axis, and its values (K, rows, …)."""
Predict = Callable[[Tensor], Tensor]
"""A function from windows (n, C, *window) to predictions (n, K, *window)."""


Part = Tensor | npt.ArrayLike


class Sliceable(Protocol):
    """An image that can be read in parts: a tensor, an array, a `numpy.memmap`, a dataset of an HDF5 or Zarr file."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape (C, *size)."""

    def __getitem__(self, where: tuple[slice, ...], /) -> Part:
        """Return the part at these slices."""


def importance(window: Sequence[int], weights: Weights = "gaussian") -> Tensor:
    """Return how much each position of a window counts where windows overlap: ``window`` float32, from above 0 to 1.

    ``"gaussian"`` falls off from the center with a standard deviation of an eighth of the window (Isensee et al. 2021,
    https://doi.org/10.1038/s41592-020-01008-z): near the edges of a window a network has less context.

    >>> [round(weight, 3) for weight in importance((5,)).tolist()]
    [0.006, 0.278, 1.0, 0.278, 0.006]
    """
    return _outer([_profile(side, weights) for side in window]).float()


class WindowAverage:
    """Averages dense predictions for windows, with weights, to those for the image.

    They are summed in float32. Only as much of the image is held as one window is long on the first axis: memory is
    K · window[0] · size[1] · … · 4 bytes, and half as much again for the slab that is returned.

    Args:
        layout: layout of the windows.
        weights: see `importance`.
        device: of the sums; by default that of the predictions.
    """

    def __init__(
        self, layout: WindowLayout, *, weights: Weights = "gaussian", device: torch.device | str | None = None
    ) -> None:
        self.layout = layout
        self.device = device
        profiles = [_profile(side, weights) for side in layout.window]
        # Windows lie on a grid, so the sum of their weights is a product over the axes and need not be stored.
        self._sums = [_summed(*axis) for axis in zip(profiles, layout.starts, layout.size, strict=True)]
        self._weights = _outer(profiles).float()
        self._held: Tensor | None = None  # (K, window[0], …), from row `_first` of the image on
        self._first = 0
        self._left = len(layout)

    def add(self, predictions: Tensor, places: Sequence[Place]) -> list[Slab]:
        """Add predictions, and return the slabs that no later window overlaps.

        Args:
            predictions: (n, K, *window) of any float type.
            places: of their windows, in the order of the layout.

        Returns:
            For each slab its start along the first axis, and its values (K, rows, …) float32. The slabs of all calls
            follow each other without gaps.

        Raises:
            ContractError: the predictions are not of the windows' size.
        """
        if predictions.shape[0] != len(places) or tuple(predictions.shape[2:]) != self.layout.window:
            raise ContractError(
                f"predictions of shape {tuple(predictions.shape)} for {len(places)} windows of {self.layout.window}",
                fix="return (n, K, *window), at the resolution of the windows",
            )
        slabs = []
        for prediction, place in zip(predictions, places, strict=True):
            if place[0] > self._first:
                slabs.append(self._finish(place[0]))
            self._take(prediction, place)
        if not self._left:
            slabs.append(self._finish(self.layout.size[0]))
        return slabs

    def _take(self, prediction: Tensor, place: Place) -> None:
        if self._held is None:
            rest = map(max, self.layout.size[1:], self.layout.window[1:])
            shape = (len(prediction), self.layout.window[0], *rest)
            self._held = torch.zeros(shape, device=self.device or prediction.device)
            self._weights = self._weights.to(self._held.device)
        where = tuple(slice(at, at + side) for at, side in zip(place[1:], self.layout.window[1:], strict=True))
        self._held[(slice(None), slice(None), *where)].addcmul_(prediction.to(self._held), self._weights)
        self._left -= 1

    def _finish(self, end: int) -> Slab:
        """Return the rows up to ``end``, and move those after them to the front, in steps that do not overlap."""
        assert self._held is not None
        start, rows, length = self._first, end - self._first, self.layout.window[0]
        sums = _outer([self._sums[0][start:end], *self._sums[1:]]).float().to(self._held.device)
        slab = self._held[(slice(None), slice(rows), *map(slice, self.layout.size[1:]))] / sums
        for at in range(0, length - rows, rows):
            count = min(rows, length - rows - at)
            self._held[:, at : at + count] = self._held[:, at + rows : at + rows + count]
        self._held[:, max(0, length - rows) :] = 0
        self._first = end
        return start, slab


def sliding_slabs(
    predict: Predict,
    image: Sliceable | Callable[[tuple[slice, ...]], Part],
    *,
    window: int | Sequence[int],
    overlap: float = 0.5,
    weights: Weights = "gaussian",
    batch_size: int = 4,
    size: Sequence[int] | None = None,
    device: torch.device | str | None = None,
) -> Iterator[Slab]:
    """Predict in windows and yield slabs along the first spatial axis once no later window overlaps them.

    The image is read one window at a time and the whole prediction is never in memory: for volumes that do not fit.
    Make the longest axis the first one.

    Args:
        predict: maps windows (n, C, *window) to predictions (n, K, *window); called without gradient.
        image: (C, *size) to be read in parts; or a function from a slice for each spatial axis to (C, *part), and
            then ``size`` must be given.
        window: a side for each spatial axis, or one for all. A smaller image is padded with zeros at its end.
        overlap: of neighbors, from 0 to below 1.
        weights: see `importance`.
        batch_size: windows predicted together.
        size: of an image that is given as a function.
        device: of the sums; by default that of the predictions.

    Yields:
        Slabs from the first to the last; see `WindowAverage.add`.

    Raises:
        OptionError: see `WindowLayout`.
        ContractError: ``predict`` returns another size than the windows'.

    >>> image = torch.arange(12.0).view(1, 6, 2)
    >>> [(start, slab.shape[1]) for start, slab in sliding_slabs(lambda x: x, image, window=(4, 2))]
    [(0, 2), (2, 4)]
    """
    layout = WindowLayout.of(_size(image, size), window, overlap)
    average = WindowAverage(layout, weights=weights, device=device)

    def read(place: Place) -> Tensor:
        where = layout.slices(place)
        return layout.pad(_tensor(image(where) if callable(image) else image[(slice(None), *where)]))

    def slabs() -> Iterator[Slab]:
        for places in layout.batches(batch_size):
            with torch.no_grad():
                predictions = predict(torch.stack([read(place) for place in places]))
            yield from average.add(predictions.detach(), places)

    return slabs()


def sliding_window(
    predict: Predict,
    image: Sliceable | Callable[[tuple[slice, ...]], Part],
    *,
    window: int | Sequence[int],
    overlap: float = 0.5,
    weights: Weights = "gaussian",
    batch_size: int = 4,
    size: Sequence[int] | None = None,
    device: torch.device | str | None = None,
) -> Tensor:
    """Predict in windows and return the weighted average of the predictions, (K, *size) float32.

    Args:
        predict, image, window, overlap, weights, batch_size, size, device: see `sliding_slabs`.

    Raises:
        OptionError, ContractError: see `sliding_slabs`.

    >>> image = torch.rand(3, 5, 7)
    >>> torch.allclose(sliding_window(lambda x: 2 * x, image, window=4), 2 * image)
    True
    """
    slabs = sliding_slabs(
        predict, image, window=window, overlap=overlap, weights=weights,
        batch_size=batch_size, size=size, device=device,
    )  # fmt: skip
    whole: Tensor | None = None
    for start, slab in slabs:
        if whole is None:
            whole = slab.new_empty(len(slab), *_size(image, size))
        whole[:, start : start + slab.shape[1]] = slab
    assert whole is not None  # there is at least one window
    return whole


def mirrored(predict: Predict, axes: Iterable[int]) -> Predict:
    """Return a function that averages a prediction over the mirror images along every combination of some axes.

    Args:
        predict: maps (n, C, *size) to (n, K, *size).
        axes: spatial axes, counted from 0; n of them take 2ⁿ times as long.

    Returns:
        A function like ``predict`` that returns float32. It averages what ``predict`` returns: averages of logits and
        of probabilities differ.

    >>> leftmost = lambda x: x.cumsum(-1)
    >>> mirrored(leftmost, [0])(torch.tensor([[[1.0, 2.0]]])).tolist()
    [[[2.0, 2.5]]]
    """
    dims = sorted({axis + 2 for axis in axes})
    choices = list(chain.from_iterable(combinations(dims, n) for n in range(1, len(dims) + 1)))

    def average(x: Tensor) -> Tensor:
        total = predict(x).float()
        for flips in choices:
            total = total + predict(x.flip(flips)).float().flip(flips)
        return total / (1 + len(choices))

    return average


def _size(image: Sliceable | Callable[[tuple[slice, ...]], Part], size: Sequence[int] | None) -> Sequence[int]:
    """Return the size of an image along its spatial axes."""
    if size is not None:
        return size
    shape: tuple[int, ...] | None = getattr(image, "shape", None)
    if shape is None:
        raise OptionError("an image that is given as a function has no size", fix="give size=")
    return shape[1:]


def _profile(side: int, weights: Weights) -> Tensor:
    """Return `importance` along one axis, (side,) float64."""
    if weights not in get_args(Weights):
        raise OptionError(f"unknown window weights {weights!r}", fix=f"one of {', '.join(get_args(Weights))}")
    at = (torch.arange(side, dtype=torch.float64) - (side - 1) / 2) / (side / 8)
    return torch.exp(-(at**2) / 2) if weights == "gaussian" else torch.ones_like(at)


def _summed(profile: Tensor, starts: Sequence[int], size: int) -> Tensor:
    """Return the sum of the profiles of all windows along one axis, (size,) float64."""
    total = torch.zeros(max(size, len(profile)), dtype=torch.float64)
    for start in starts:
        total[start : start + len(profile)] += profile
    return total[:size]


def _outer(vectors: Sequence[Tensor]) -> Tensor:
    """Return the outer product, one axis per vector."""
    return reduce(lambda product, vector: product[..., None] * vector, vectors)


def _tensor(part: Part) -> Tensor:
    """Return a part of an image as a tensor; files may have the other byte order, and arrays may be read-only."""
    if isinstance(part, Tensor):
        return part
    array = np.asarray(part)
    return torch.from_numpy(array.astype(array.dtype.newbyteorder("="), order="C"))
