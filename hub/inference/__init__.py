"""Prediction of images and volumes that are too large for one forward pass."""

from hub.inference.windowed import WindowedModel, infer_windows
from hub.inference.windows import (
    Predict,
    Slab,
    Sliceable,
    WindowAverage,
    importance,
    mirrored,
    sliding_slabs,
    sliding_window,
)

__all__ = [
    "Predict",
    "Slab",
    "Sliceable",
    "WindowAverage",
    "WindowedModel",
    "importance",
    "infer_windows",
    "mirrored",
    "sliding_slabs",
    "sliding_window",
]
