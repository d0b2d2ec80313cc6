"""Labels drawn over a slice: the reference as a white-rimmed outline, the prediction as a tint, by class colour."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from hub.visual import class_color
from hub_medical.errors import MetricError

ALPHA = 0.45
SHORTEST = 256  # pixels: smaller slices are enlarged, so that outlines can be told apart


def worst_slice(prediction: np.ndarray, reference: np.ndarray) -> int:
    """Of planes (N, H, W) the one in which most pixels differ; without any, the one with most of the reference."""
    differ = (prediction != reference).sum(axis=(1, 2))
    return int((differ if differ.any() else (reference > 0).sum(axis=(1, 2))).argmax())


def draw_labels(
    image: np.ndarray, prediction: np.ndarray, reference: np.ndarray | None, names: Sequence[str]
) -> np.ndarray:
    """Draw one slice.

    Args:
        image: (H, W) uint8.
        prediction: (H, W) indices into ``names``, 0 for the background.
        reference: likewise, or None where there is none.
        names: of the classes, which have the hub's colours.

    Returns:
        (H · s, W · s, 3) uint8 RGB, s the whole number that makes the shorter side `SHORTEST` or more.

    Raises:
        MetricError: shapes differ.
    """
    if prediction.shape != image.shape or (reference is not None and reference.shape != image.shape):
        raise MetricError("image and labels differ in shape", fix="bring them onto one grid")
    scale = max(1, -(-SHORTEST // min(image.shape)))
    large = image.repeat(scale, 0).repeat(scale, 1)
    canvas = np.repeat(large[..., None], 3, axis=2)
    for index in range(1, len(names)):
        color = class_color(names[index])
        found = (prediction == index).repeat(scale, 0).repeat(scale, 1)
        canvas[found] = (canvas[found] * (1 - ALPHA) + np.array(color) * ALPHA).astype(np.uint8)
    if reference is None:
        return canvas
    for index in range(1, len(names)):
        real = np.equal(reference, index).astype(np.uint8).repeat(scale, 0).repeat(scale, 1)
        outlines, _ = cv2.findContours(real, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(canvas, outlines, -1, (255, 255, 255), 3)
        cv2.drawContours(canvas, outlines, -1, class_color(names[index]), 1)
    return canvas
