"""The class map of a large image, from the logits of windows, row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from hub import Batch, LabelSpace, SemanticMap
from hub.contract import Place, Weights, WindowLayout
from hub.inference import WindowAverage


class SemanticMerger:
    """Average logits where windows overlap, and store only the classes of finished rows.

    Args:
        labels: the classes.
        whole: a batch of the one image.
        layout: of the windows.
        weights: of the positions in a window.
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
        """Add ``logits`` (n, classes, h, w) that cover n windows."""
        logits = F.interpolate(predictions["logits"].float(), size=self.layout.window, mode="bilinear")
        for _, slab in self.average.add(logits, places):
            start, rows = self.rows.add(slab)
            self.classes[start : start + rows.shape[1]] = rows.argmax(0).to(self.classes.dtype).cpu()

    def result(self) -> SemanticMap:
        """Return the classes at the size of the file."""
        height, width = self.classes.shape
        return SemanticMap(image_id=self.image_id, size=(height, width), classes=self.classes, label_space=self.labels)


class RowResize:
    """Resize (K, H, W) bilinearly while its rows arrive a few at a time.

    The output equals that of `torch.nn.functional.interpolate` on all rows.

    Args:
        size: (H, W) of the input.
        to: (H, W) of the output.
    """

    def __init__(self, size: tuple[int, int], to: tuple[int, int]) -> None:
        self.size, self.to = size, to
        self._last: Tensor | None = None  # the input row before the next ones
        self._received = self._returned = 0
        # The position of the center of each output row among the input rows, clamped to them.
        position = (torch.arange(to[0], dtype=torch.float64) + 0.5) * (size[0] / to[0]) - 0.5
        self._position = position.clamp(0, size[0] - 1)

    def add(self, rows: Tensor) -> tuple[int, Tensor]:
        """Add the next input rows (K, n, W); return the index of the first output row now complete, and these rows."""
        if self.size == self.to:
            self._received += rows.shape[1]
            return self._received - rows.shape[1], rows
        first = self._received
        self._received += rows.shape[1]
        if self._last is not None:
            rows, first = torch.cat([self._last, rows], dim=1), first - 1
        self._last = rows[:, -1:]
        start = self._returned
        if self._received == self.size[0]:
            self._returned = self.to[0]
        else:  # all output rows at or before the last input row
            self._returned = int(torch.searchsorted(self._position, self._received - 1, right=True))
        position = self._position[start : self._returned] - first
        above = position.floor().long().to(rows.device)
        below = (above + 1).clamp(max=rows.shape[1] - 1)
        fraction = (position - position.floor()).to(rows)[:, None]
        mixed = rows[:, above].lerp(rows[:, below], fraction)
        if not mixed.shape[1]:
            return start, mixed.new_zeros(len(mixed), 0, self.to[1])
        return start, F.interpolate(mixed[None], size=(mixed.shape[1], self.to[1]), mode="bilinear")[0]
