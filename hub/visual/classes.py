"""Drawings of image classification: class names with their scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hub.visual.colors import class_color, rgb_copy, text_color_on
from hub.visual.text import font, shorten

MIN_CLASSES, MAX_CLASSES = 1, 5


def draw_classes(image: np.ndarray, names: Sequence[str], scores: np.ndarray, *, score: float = 0.5) -> np.ndarray:
    """Draw the best classes on a copy of the image, each on a bar whose length is its score.

    Args:
        image: (H, W, 3) uint8 RGB, or gray as (H, W) or (H, W, 1).
        names: names of the C classes.
        scores: (C,) from 0 to 1.
        score: besides the best class, up to four others with at least this score are drawn.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    from PIL import Image, ImageDraw

    canvas = rgb_copy(image)
    height, width = canvas.shape[:2]
    letters = font(max(10, round((height * width) ** 0.5 / 25)))
    line = round(letters.size * 1.4)
    picture = Image.fromarray(canvas)
    pen = ImageDraw.Draw(picture)
    order = np.argsort(-scores, kind="stable")[:MAX_CLASSES]
    best = [k for rank, k in enumerate(order) if rank < MIN_CLASSES or scores[k] >= score]
    for row, k in enumerate(best):
        top = row * line
        if row and top + line > height:
            break
        color = class_color(names[k])
        pen.rectangle((0, top, max(1, round(width * float(scores[k]))) - 1, top + line - 1), fill=color)
        text = shorten(f"{names[k]} {scores[k]:.2f}", letters, width - 6)
        fill = text_color_on(color)
        pen.text((3, top + line / 2), text, fill, letters, anchor="lm", stroke_width=1, stroke_fill=color)
    return np.array(picture)
