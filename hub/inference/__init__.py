"""Prediction of images and volumes that are too large for one forward pass."""

from hub.inference.windows import mirrored, sliding_slabs, sliding_window

__all__ = ["mirrored", "sliding_slabs", "sliding_window"]
