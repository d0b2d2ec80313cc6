"""Labels drawn over slices: the reference as a white-rimmed outline, the prediction as a tint, in a color each."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw

from hub.images import resize_image
from hub.visual import font, shorten, side_by_side, text_color_on
from hub_medical.errors import MetricError
from hub_medical.volumes.slicing import Plane, plane_shape, take_planes

ALPHA = 0.45
SLICES = 12  # in a contact sheet
SHORTEST = 256  # pixels: smaller slices are enlarged, so that outlines are distinct


def structure_color(index: int) -> tuple[int, int, int]:
    """The RGB color of the structure with this index, from 1: neighbors differ more than colors by name would.

    >>> structure_color(1), structure_color(2)
    ((255, 51, 51), (51, 111, 255))
    """
    red, green, blue = colorsys.hsv_to_rgb((index - 1) * 0.618 % 1, 0.8, 1)
    return round(red * 255), round(green * 255), round(blue * 255)


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
        names: of the classes; see `structure_color`.

    Returns:
        (H · s, W · s, 3) uint8 RGB, s the integer that makes the shorter side `SHORTEST` or more.

    Raises:
        MetricError: shapes differ.
    """
    if prediction.shape != image.shape or (reference is not None and reference.shape != image.shape):
        raise MetricError("image and labels differ in shape", fix="bring them onto one grid")
    scale = max(1, -(-SHORTEST // min(image.shape)))
    large = image.repeat(scale, 0).repeat(scale, 1)
    canvas = np.repeat(large[..., None], 3, axis=2)
    for index in range(1, len(names)):
        found = (prediction == index).repeat(scale, 0).repeat(scale, 1)
        canvas[found] = (canvas[found] * (1 - ALPHA) + np.array(structure_color(index)) * ALPHA).astype(np.uint8)
    if reference is None:
        return canvas
    for index in range(1, len(names)):
        real = np.equal(reference, index).astype(np.uint8).repeat(scale, 0).repeat(scale, 1)
        outlines, _ = cv2.findContours(real, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(canvas, outlines, -1, (255, 255, 255), 3)
        cv2.drawContours(canvas, outlines, -1, structure_color(index), 1)
    return canvas


def stretched(image: np.ndarray) -> np.ndarray:
    """The image of a whole case as uint8, its contrast stretched but for the darkest and brightest hundredth.

    >>> stretched(np.arange(100, 151, dtype=np.uint8))[[0, 25, 50]].tolist()
    [0, 127, 255]
    """
    low, high = np.percentile(image, (1, 99))
    gray: np.ndarray = ((image - low) / max(high - low, 1) * 255).clip(0, 255).astype(np.uint8)
    return gray


def contact_sheet(
    image: np.ndarray, labels: np.ndarray, names: Sequence[str], *, plane: Plane, spacing: Sequence[float]
) -> np.ndarray:
    """Draw slices of a case with the prediction, evenly spread over those that it is not empty in.

    Args:
        image: (I, J, K) in RAS+, of any dtype.
        labels: indices into ``names`` on the same grid, 0 for the background.
        names: of the classes.
        plane: of the slices shown.
        spacing: mm along R, A and S: pictures have the proportions of the patient.

    Returns:
        (H, W, 3) uint8 RGB; each slice has its number, counted from 0, and a strip names the colors.
    """
    shown, found = take_planes(stretched(image), plane), take_planes(labels, plane)
    some = np.flatnonzero((found > 0).any(axis=(1, 2)))
    candidates = some if some.size else np.arange(len(found))
    chosen = candidates[
        np.unique(np.linspace(0, len(candidates) - 1, min(SLICES, len(candidates))).round().astype(int))
    ]
    height, width = np.array(plane_shape(image.shape, plane)) * plane_shape(tuple(spacing), plane)  # type: ignore[arg-type]
    scale = max(SHORTEST / min(height, width), 1 / min(spacing))
    size = round(height * scale), round(width * scale)
    drawn = [resize_image(draw_labels(shown[i], found[i], None, names), size) for i in chosen]
    sheet = side_by_side(drawn, [f"slice {i}" for i in chosen.tolist()])
    return np.concatenate([sheet, _legend(names[1:], sheet.shape[1])])


def _legend(names: Sequence[str], width: int) -> np.ndarray:
    """Plates with the names in their colors on white paper, line after line."""
    letters = font(16)
    places, x, y = [], 6, 4
    for index, name in enumerate(names, 1):
        text = shorten(name, letters, width - 24)
        length = round(letters.getlength(text)) + 12
        if x > 6 and x + length > width - 6:
            x, y = 6, y + 28
        places.append((structure_color(index), text, x, y, length))
        x += length + 8
    paper = Image.new("RGB", (width, y + 30), (255, 255, 255))
    pen = ImageDraw.Draw(paper)
    for color, text, left, top, length in places:
        pen.rectangle((left, top, left + length - 1, top + 23), fill=color)
        pen.text((left + 6, top + 12), text, text_color_on(color), letters, anchor="lm")
    return np.asarray(paper)
