"""Drawings of a sample with all its annotations, as training gets it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from hub.contract.sample import Sample
from hub.images import to_rgb
from hub.labels import LabelSpace
from hub.visual.draw import draw_instances
from hub.visual.semantic import draw_semantic

MAX_NAMES = 6


def draw_sample(sample: Sample, labels: Mapping[str, LabelSpace]) -> np.ndarray:
    """Draw the maps and objects of a sample on a copy of its image; for its tags see `caption`.

    Args:
        sample: with the annotations to draw.
        labels: ``"instances"`` or name of a map or tag → its label space.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    canvas = to_rgb(sample.image)
    for name, values in sample.maps.items():
        while values.ndim > 2:  # of a volume: the image shows the middle slice too
            values = values[len(values) // 2]
        if np.issubdtype(values.dtype, np.integer) and name in labels:
            canvas = draw_semantic(canvas, values, labels[name])
        elif np.issubdtype(values.dtype, np.floating):
            canvas = _draw_heatmap(canvas, values)
    if sample.instances is not None and len(sample.instances):
        canvas = draw_instances(canvas, sample.instances, labels["instances"])
    return canvas


def caption(sample: Sample, labels: Mapping[str, LabelSpace]) -> str:
    """Return the tags of a sample as text, with the names of their labels; empty if there are none.

    >>> from pathlib import Path
    >>> tagged = Sample(np.zeros((1, 1, 3)), 1, Path("a.png"), (1, 1), tags={"class": np.array(1)})
    >>> caption(tagged, {"class": LabelSpace.of(["cat", "dog"])})
    'dog'
    """
    words = {name: _words(value, labels.get(name)) for name, value in sample.tags.items()}
    if len(words) == 1:
        return next(iter(words.values()))
    return ", ".join(f"{name}: {text}" for name, text in words.items())


def enlarge(sample: Sample, factor: int) -> Sample:
    """Return a copy that is ``factor`` times as wide and high, so that lines and labels have room."""
    if factor <= 1:
        return sample

    def grow(plane: np.ndarray, axis: int) -> np.ndarray:
        return plane.repeat(factor, axis).repeat(factor, axis + 1)

    objects = sample.instances
    if objects is not None:
        pixels = [np.arange(side).repeat(factor) for side in sample.image.shape[:2]]
        keypoints = objects.keypoints
        objects = replace(
            objects,
            boxes=objects.boxes * factor,
            masks=None if objects.masks is None else objects.masks.index_axes(*pixels),
            keypoints=None if keypoints is None else keypoints * np.array([factor, factor, 1], np.float32),
            fields={name: values.moved(np.diag([factor, factor, 1.0])[:2]) for name, values in objects.fields.items()},
        )
    maps = {name: grow(values, -2) for name, values in sample.maps.items()}
    return replace(sample, image=grow(sample.image, 0), instances=objects, maps=maps)


def _words(value: np.ndarray, labels: LabelSpace | None) -> str:
    if labels is None:
        return np.array2string(value, precision=3, threshold=MAX_NAMES)
    if np.issubdtype(value.dtype, np.integer):
        known = [labels.names[k] for k in value.ravel().tolist() if 0 <= k < len(labels)]
    else:
        known = [
            n + ("?" if np.isnan(v) else "") for n, v in zip(labels.names, value.ravel(), strict=False) if not v <= 0.5
        ]
    more = f" and {len(known) - MAX_NAMES} more" if len(known) > MAX_NAMES else ""
    return ", ".join(known[:MAX_NAMES]) + more if known else "none"


def _draw_heatmap(canvas: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Blend a map of numbers into the image, colored from minimum to maximum, where it is finite."""
    import cv2

    known = np.isfinite(values)
    if not known.any():
        return canvas
    low, high = float(values[known].min()), float(values[known].max())
    scaled = np.zeros(values.shape, np.uint8)
    scaled[known] = (255 * (values[known] - low) / max(high - low, 1e-12)).astype(np.uint8)
    colors = cv2.applyColorMap(scaled, cv2.COLORMAP_VIRIDIS)[:, :, ::-1]
    out = canvas.copy()
    out[known] = canvas[known] // 2 + colors[known] // 2
    return out
