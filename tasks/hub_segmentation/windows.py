"""The class map of a large image, from the logits of windows, row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from hub import Batch, LabelSpace, SemanticMap
from hub.contract.window_layout import Place, WindowLayout
from hub.contract.windows import Weights
from hub.inference.windows import WindowAverage


class SemanticWindows:
    """Averages logits where windows overlap, and keeps of each finished row only its classes.

    Args:
        labels: the classes.
        whole: a batch of the one image.
        layout: of the windows.
        weights: of their places.
    """

    def __init__(self, labels: LabelSpace, whole: Batch, layout: WindowLayout, weights: Weights) -> None:
        self.labels = labels
        self.image_id = whole.ids[0]
        self.layout = layout
        self.average = WindowAverage(layout, weights=weights)
        height, width = whole.original_sizes[0].tolist()
        self.rows = RowResize((layout.size[0], layout.size[1]), (height, width))
        self.classes = torch.empty(height, width, dtype=torch.uint8 if len(labels) <= 255 else torch.int64)

    def add(self, predictions: Mapping[str, Tensor], places: Sequence[Place]) -> None:
        """Take in ``logits`` (n, classes, h, w) that cover the windows."""
        logits = F.interpolate(predictions["logits"].float(), size=self.layout.window, mode="bilinear")
        for _, slab in self.average.add(logits, places):
            start, rows = self.rows.add(slab)
            self.classes[start : start + rows.shape[1]] = rows.argmax(0).to(self.classes.dtype).cpu()

    def result(self) -> SemanticMap:
        """The classes at the size of the file."""
        height, width = self.classes.shape
        return SemanticMap(image_id=self.image_id, size=(height, width), classes=self.classes, label_space=self.labels)


class RowResize:
    """Bilinear resizing of (K, H, W) that comes and goes some rows at a time.

    The answer is that of `torch.nn.functional.interpolate` with the whole.

    Args:
        size: (H, W) of what comes.
        to: (H, W) of what goes.
    """

    def __init__(self, size: tuple[int, int], to: tuple[int, int]) -> None:
        self.size, self.to = size, to
        self._last: Tensor | None = None  # the row before those that come next
        self._came = self._went = 0
        # Where the centre of each row that goes lies among those that come; none lies outside.
        at = (torch.arange(to[0], dtype=torch.float64) + 0.5) * (size[0] / to[0]) - 0.5
        self._at = at.clamp(0, size[0] - 1)

    def add(self, rows: Tensor) -> tuple[int, Tensor]:
        """Take in the next rows (K, n, W); give those that follow from all so far, and where they start."""
        if self.size == self.to:
            self._came += rows.shape[1]
            return self._came - rows.shape[1], rows
        first = self._came
        self._came += rows.shape[1]
        if self._last is not None:
            rows, first = torch.cat([self._last, rows], dim=1), first - 1
        self._last = rows[:, -1:]
        start = self._went
        if self._came == self.size[0]:
            self._went = self.to[0]
        else:  # whatever lies at or before the last row
            self._went = int(torch.searchsorted(self._at, self._came - 1, right=True))
        at = self._at[start : self._went] - first
        above = at.floor().long().to(rows.device)
        below = (above + 1).clamp(max=rows.shape[1] - 1)
        share = (at - at.floor()).to(rows)[:, None]
        mixed = rows[:, above].lerp(rows[:, below], share)
        if not mixed.shape[1]:
            return start, mixed.new_zeros(len(mixed), 0, self.to[1])
        return start, F.interpolate(mixed[None], size=(mixed.shape[1], self.to[1]), mode="bilinear")[0]
