"""Drawings of semantic maps: tinted regions with contours, and a legend."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hub.visual.colors import class_color, rgb_copy, text_color_on
from hub.visual.text import font, shorten

if TYPE_CHECKING:
    from hub.labels import LabelSpace

ALPHA = 0.55
MAX_LEGEND = 12
PLAIN = frozenset({"background", "__background__", "void", "unlabeled"})  # not tinted


def draw_semantic(image: np.ndarray, classes: np.ndarray, labels: LabelSpace) -> np.ndarray:
    """Draw a map of classes on a copy of the image.

    Args:
        image: (H, W, 3) uint8 RGB, or gray as (H, W) or (H, W, 1).
        classes: (H, W) indices into ``labels``, resized if its size differs from the image; others, such as 255, are
            not drawn.
        labels: the classes; a class named background is not drawn.

    Returns:
        (H, W, 3) uint8 RGB; the legend names the classes with the largest areas.
    """
    import cv2

    canvas = rgb_copy(image)
    if classes.shape != canvas.shape[:2]:
        size = canvas.shape[1], canvas.shape[0]
        classes = cv2.resize(classes.astype(np.int32), size, interpolation=cv2.INTER_NEAREST)
    found, counts = np.unique(classes, return_counts=True)
    order = [int(k) for k in found[np.argsort(-counts)] if 0 <= k < len(labels) and labels.names[int(k)] not in PLAIN]
    for k in order:
        region = classes == k
        color = class_color(labels.names[k])
        canvas[region] = (canvas[region] * (1 - ALPHA) + np.array(color) * ALPHA).astype(np.uint8)
        contours, _ = cv2.findContours(region.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(canvas, contours, -1, color, 1, cv2.LINE_AA)
    return with_legend(canvas, [labels.names[k] for k in order[:MAX_LEGEND]])


def with_legend(canvas: np.ndarray, names: list[str]) -> np.ndarray:
    """Return a copy with a legend of class names in their colors, from the upper left corner down."""
    from PIL import Image, ImageDraw

    height, width = canvas.shape[:2]
    letters = font(max(10, round((height * width) ** 0.5 / 45)))
    picture = Image.fromarray(canvas)
    pen = ImageDraw.Draw(picture)
    line = round(letters.size * 1.3)
    for row, name in enumerate(names):
        top = row * line
        if top + line > height:
            break
        text = shorten(name, letters, width - 6)
        pen.rectangle((0, top, letters.getlength(text) + 5, top + line - 1), fill=class_color(name))
        pen.text((3, top + line / 2), text, text_color_on(class_color(name)), letters, anchor="lm")
    return np.array(picture)
