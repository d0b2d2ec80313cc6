"""Depth in colors."""

from __future__ import annotations

import numpy as np

from hub.visual import font, text_color_on

RANGE = (2.0, 98.0)  # percentiles of depth that the colors span: a few stray pixels would take most of them


def draw_depth(depth: np.ndarray, *, size: tuple[int, int] | None = None) -> np.ndarray:
    """Draw a map of depth: red is near, blue is far, what lies between goes by its logarithm.

    Args:
        depth: (H, W) floats; what is not finite and positive is black.
        size: (height, width) of the picture, by default the map's.

    Returns:
        (height, width, 3) uint8 RGB; a scale at the bottom has the depths of its two ends, the 2nd and the 98th
        percentile, beyond which colors do not change.
    """
    import cv2

    known = np.isfinite(depth) & (depth > 0)
    log = np.log(np.where(known, depth, 1.0))
    near, far = (float(v) for v in np.percentile(log[known], RANGE)) if known.any() else (0.0, 0.0)
    picture = _colors((far - log) / max(far - near, 1e-6))
    picture[~known] = 0
    height, width = depth.shape if size is None else size
    if picture.shape[:2] != (height, width):
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_NEAREST)
    return _with_scale(picture, float(np.exp(near)), float(np.exp(far))) if known.any() else picture


def _colors(nearness: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 RGB for numbers from 0, far, to 1, near, in the colors of turbo."""
    import cv2

    levels = np.rint(nearness.clip(0, 1) * 255).astype(np.uint8)
    return np.ascontiguousarray(cv2.applyColorMap(levels, cv2.COLORMAP_TURBO)[..., ::-1])


def _with_scale(picture: np.ndarray, near: float, far: float) -> np.ndarray:
    """A strip of all colors along the bottom with a depth at either end, where there is room."""
    from PIL import Image, ImageDraw

    height, width = picture.shape[:2]
    letters = font(max(10, round((height * width) ** 0.5 / 40)))
    strip = round(letters.size * 1.4)
    texts = (f"{near:.3g}", f"{far:.3g}")
    if 3 * strip > height or sum(map(letters.getlength, texts)) + 12 > width:
        return picture
    picture = picture.copy()
    picture[-strip:] = _colors(np.linspace(1, 0, width)[None].repeat(strip, 0))
    canvas = Image.fromarray(picture)
    pen = ImageDraw.Draw(canvas)
    middle = height - strip / 2
    for text, x, anchor in ((texts[0], 4, "lm"), (texts[1], width - 4, "rm")):
        below = picture[-1, min(max(x, 0), width - 1)]
        pen.text(
            (x, middle), text, text_color_on((int(below[0]), int(below[1]), int(below[2]))), letters, anchor=anchor
        )
    return np.array(canvas)
