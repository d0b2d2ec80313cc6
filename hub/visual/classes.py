"""Drawing what an image as a whole shows: the names of classes with their scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hub.visual.colors import class_color, ink_on
from hub.visual.text import font, shorten

LEAST, MOST = 1, 5  # names that are drawn


def draw_classes(image: np.ndarray, names: Sequence[str], scores: np.ndarray, *, score: float = 0.5) -> np.ndarray:
    """Write the best classes on a copy of the image, each on a bar as long as its score.

    Args:
        image: (H, W, 3) uint8 RGB, or grey as (H, W) or (H, W, 1).
        names: of the C classes.
        scores: (C,) from 0 to 1.
        score: besides the best class, up to four others of at least this score are written.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    from PIL import Image, ImageDraw

    grey = image.ndim == 2 or image.shape[2] == 1
    canvas = np.repeat(image.reshape(*image.shape[:2], 1), 3, axis=2) if grey else image.copy()
    height, width = canvas.shape[:2]
    letters = font(max(10, round((height * width) ** 0.5 / 25)))
    line = round(letters.size * 1.4)
    picture = Image.fromarray(canvas)
    pen = ImageDraw.Draw(picture)
    best = [
        k for place, k in enumerate(np.argsort(-scores, kind="stable")[:MOST]) if place < LEAST or scores[k] >= score
    ]
    for row, k in enumerate(best):
        top = row * line
        if row and top + line > height:
            break
        color = class_color(names[k])
        pen.rectangle((0, top, max(1, round(width * float(scores[k]))) - 1, top + line - 1), fill=color)
        text = shorten(f"{names[k]} {scores[k]:.2f}", letters, width - 6)
        pen.text((3, top + line / 2), text, ink_on(color), letters, anchor="lm", stroke_width=1, stroke_fill=color)
    return np.array(picture)
