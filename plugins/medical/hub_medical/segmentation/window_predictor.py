"""Whole volumes predicted in overlapping windows: memory grows with a slab of them, not with the volume."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from hub import Batch, Head, Model
from hub.errors import OptionError
from hub.inference import Slab, mirrored, sliding_slabs
from hub.precision import autocast
from hub_medical.segmentation.predictor import DIRECTIONS, Settings
from hub_medical.volumes.slicing import AXES, take_planes


class WindowPredictor:
    """Predicts with a head of volumes; a `hub_medical.segmentation.predictor.VolumePredictor`.

    The depth of windows follows from the model's ``in_chans``, their height and width are the head's options. Where
    windows overlap, probabilities are averaged, those near the edges least. A smaller volume is padded as in
    training: its last slice repeats, and nothing lies beyond its height and width.

    Args:
        model: that the head is of.
        head: to predict with; its ``logits`` are (B, classes, D, H, W).
        settings: see `Settings`; ``batch_size`` counts slices.
        window: height and width of the windows, rounded up to the model's largest stride.
        overlap: share of a window that its neighbor covers at least.
    """

    def __init__(
        self, model: Model, head: Head, settings: Settings, *, window: tuple[int, int], overlap: float
    ) -> None:
        self.model, self.head, self.settings = model, head, settings
        self.window, self.overlap = window, overlap
        self.axis = AXES[settings.plane]
        # Rows of a slice run along the later of the two other axes, see `take_planes`.
        columns, rows = (axis for axis in range(3) if axis != self.axis)
        self._mirror = [(self.axis, rows, columns).index(DIRECTIONS[direction]) for direction in settings.mirror]

    def __call__(self, volume: np.ndarray) -> Iterator[Slab]:
        """See `hub_medical.segmentation.predictor.VolumePredictor`.

        Raises:
            OptionError: the model's ``in_chans`` does not fit the channels.
        """
        planes = [take_planes(channel, self.settings.plane) for channel in volume]  # views
        depth = self._depth(len(planes))
        count, *sides = planes[0].shape
        divisor = self.model.divisor
        window = [min(-(-side // divisor), -(-wanted // divisor)) * divisor
                  for side, wanted in zip(sides, self.window, strict=True)]  # fmt: skip
        valid = torch.tensor([[min(side, wide) for side, wide in zip(sides, window, strict=True)]])

        def read(where: tuple[slice, ...]) -> np.ndarray:
            deep, down, across = where
            wanted = np.arange(deep.start, deep.stop).clip(0, count - 1)
            return np.stack([channel[wanted, down, across] for channel in planes])

        slabs = sliding_slabs(
            mirrored(lambda windows: self._probabilities(windows, valid), self._mirror),
            read,
            size=(max(count, depth), *sides),
            window=(depth, *window),
            overlap=self.overlap,
            batch_size=max(1, self.settings.batch_size // depth),
            device="cpu",
        )
        for start, scores in slabs:
            if start < count:
                # From radiological display orientation back to the volume's axes.
                yield start, scores[:, : count - start].flip(-1, -2).transpose(-1, -2)

    def _depth(self, channels: int) -> int:
        depth, rest = divmod(self.model.preprocessing.in_chans, channels)
        if rest or not depth:
            raise OptionError(
                f"the model reads {self.model.preprocessing.in_chans} channels, which are no slices of {channels} each",
                fix="predict volumes with as many channels as those that it learned from",
            )
        return depth

    @torch.no_grad()
    def _probabilities(self, windows: Tensor, valid: Tensor) -> Tensor:
        """(n, C, D, H, W) → (n, classes, D, H, W) float32."""
        sizes = valid.repeat(len(windows), 1)
        images = windows.transpose(1, 2).flatten(1, 2)
        value_range = self.model.preprocessing.pixels.value_range
        batch = Batch(images, sizes, sizes, list(range(len(windows))), value_range=value_range).to(self.model.device)
        was_training = self.model.training
        self.model.eval()
        try:
            with autocast(self.model.device, self.settings.precision):
                features = self.model.features(batch)
                logits = self.head.predict(features, batch)["logits"]
        finally:
            self.model.train(was_training)
        return logits.float().softmax(1)
