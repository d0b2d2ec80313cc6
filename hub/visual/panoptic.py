"""Drawings of panoptic segments: stuff is tinted, things also differ in shade and have an outline, with a legend."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

import numpy as np

from hub.images import to_rgb
from hub.visual.colors import Color, class_color
from hub.visual.draw import Style
from hub.visual.semantic import ALPHA, MAX_LEGEND, PLAIN, with_legend

SHADES = (0.0, 0.35, -0.3, 0.6, -0.5)  # lighter or darker, alternating among the things of one class
OUTLINE = (255, 255, 255)


def draw_panoptic(
    image: np.ndarray, segments: np.ndarray, names: Mapping[int, str], *, things: Collection[int] = ()
) -> np.ndarray:
    """Draw a map of segments on a copy of the image.

    Args:
        image: (H, W, 3) uint8 RGB, or gray as (H, W) or (H, W, 1).
        segments: (H, W) integer ids, resized if its size differs from the image.
        names: id → name of its class; other ids and stuff named background are not drawn.
        things: ids of the things, which get an outline.

    Returns:
        (H, W, 3) uint8 RGB; the legend names the classes with the largest areas.
    """
    import cv2

    canvas = to_rgb(image if image.ndim == 3 else image[:, :, None]).copy()
    if segments.shape != canvas.shape[:2]:
        size = canvas.shape[1], canvas.shape[0]
        segments = cv2.resize(segments.astype(np.int32), size, interpolation=cv2.INTER_NEAREST)
    shown = [id_ for id_ in names if id_ in things or names[id_] not in PLAIN]
    line, covered = Style.of(*canvas.shape[:2]).line, Counter[str]()
    regions: dict[int, np.ndarray] = {id_: segments == id_ for id_ in shown}
    seen: Counter[str] = Counter()
    for id_, region in regions.items():
        color = _shade(class_color(names[id_]), SHADES[seen[names[id_]] % len(SHADES)])
        seen[names[id_]] += 1
        covered[names[id_]] += int(region.sum())
        canvas[region] = (canvas[region] * (1 - ALPHA) + np.array(color) * ALPHA).astype(np.uint8)
    for id_ in sorted(shown, key=lambda id_: id_ in things):  # the contours of things are drawn over those of stuff
        contours, _ = cv2.findContours(regions[id_].astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        color = OUTLINE if id_ in things else class_color(names[id_])
        cv2.drawContours(canvas, contours, -1, color, line if id_ in things else 1, cv2.LINE_AA)
    return with_legend(canvas, [name for name, pixels in covered.most_common(MAX_LEGEND) if pixels])


def _shade(color: Color, amount: float) -> Color:
    limit = 255 if amount > 0 else 0
    red, green, blue = (round(value + abs(amount) * (limit - value)) for value in color)
    return red, green, blue
