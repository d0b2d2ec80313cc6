"""The depth that the head predicts for one image."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from hub import Result


@dataclass(kw_only=True)
class DepthMap(Result):
    """How far away every pixel of one image is, on the CPU.

    Attributes:
        depth: (H, W) float32 at the file's size, positive, in the unit of the data that the model learned from.
    """

    depth: Tensor

    def to_records(self) -> list[dict[str, object]]:
        """One record that sums the map up; the map itself is among `files`.

        >>> import torch
        >>> DepthMap(image_id=7, size=(1, 3), depth=torch.tensor([[1.0, 2.0, 4.5]])).to_records()
        [{'image_id': 7, 'nearest': 1.0, 'median': 2.0, 'mean': 2.5, 'farthest': 4.5}]
        """
        depth = self.depth.double()
        metrics = {"nearest": depth.min(), "median": depth.median(), "mean": depth.mean(), "farthest": depth.max()}
        return [{"image_id": self.image_id, **{name: round(float(value), 6) for name, value in metrics.items()}}]

    def files(self) -> dict[str, bytes]:
        """The map as a NumPy file, which the format ``depth-folder`` reads."""
        buffer = io.BytesIO()
        np.save(buffer, self.depth.numpy())
        return {".npy": buffer.getvalue()}
