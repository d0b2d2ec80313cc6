"""Drawings of objects: masks, boxes, keypoints, and labels that stay inside the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hub.visual.colors import Color, class_color, rgb_copy, text_color_on
from hub.visual.text import font, shorten

if TYPE_CHECKING:
    from hub.contract.results import Detections
    from hub.contract.sample import Instances
    from hub.labels import LabelSpace

MASK_ALPHA = 0.4
OUTLINE_ALPHA = 0.45  # dark outline, so that a line is visible on any background
MAX_OVERLAP = 0.25  # a label that overlaps others by more is left out; the color of its box still shows the class
Rectangle = tuple[int, int, int, int]


@dataclass(frozen=True)
class Style:
    """Sizes in pixels, which follow the size of the image.

    Attributes:
        line: line width of a box.
        text: font size.
        dot: radius of a keypoint.
    """

    line: int
    text: int
    dot: int

    @classmethod
    def of(cls, height: int, width: int) -> Style:
        """Return the style for an image of this size.

        >>> Style.of(128, 128), Style.of(480, 640), Style.of(1080, 1920)
        (Style(line=1, text=10, dot=2), Style(line=2, text=12, dot=3), Style(line=4, text=32, dot=7))
        """
        scale = (height * width) ** 0.5
        return cls(line=max(1, round(scale / 330)), text=max(10, round(scale / 45)), dot=max(2, round(scale / 200)))


def draw_detections(
    image: np.ndarray, detections: Detections, *, score: float = 0.5, max_objects: int = 100
) -> np.ndarray:
    """Draw detections on a copy of the image.

    Args:
        image: (H, W, 3) uint8 RGB, or gray as (H, W) or (H, W, 1), at the size of the image file.
        detections: boxes, with masks and keypoints if they have them.
        score: minimum score of the objects to draw.
        max_objects: maximum number of objects to draw, best first.

    Returns:
        (H, W, 3) uint8 RGB. Every class has the same color in every drawing.
    """
    order = detections.scores.argsort(descending=True, stable=True)
    order = order[detections.scores[order] >= score][:max_objects]
    masks, keypoints = detections.masks, detections.keypoints
    names = [detections.label_space.names[i] for i in detections.labels[order].tolist()]
    return _draw(
        image,
        detections.boxes[order].numpy(),
        names,
        [f"{name} {s:.2f}" for name, s in zip(names, detections.scores[order].tolist(), strict=True)],
        None if masks is None else list(masks[order].numpy()),
        None if keypoints is None else keypoints[order].numpy(),
    )


def draw_instances(
    image: np.ndarray, instances: Instances, labels: LabelSpace, *, max_objects: int = 100
) -> np.ndarray:
    """Draw annotated objects on a copy of the image; crowds are marked as such.

    Args:
        image: (H, W, 3) uint8 RGB, or gray as (H, W) or (H, W, 1).
        instances: boxes, with masks and keypoints if they were loaded.
        labels: label space ``"instances"`` of the dataset.
        max_objects: maximum number of objects to draw, largest first.

    Returns:
        (H, W, 3) uint8 RGB, in the colors of `draw_detections`.
    """
    sides = instances.boxes[:, 2:] - instances.boxes[:, :2]
    order = np.argsort(-sides.prod(axis=1), kind="stable")[:max_objects]
    names = [labels.names[i] for i in instances.labels[order].tolist()]
    return _draw(
        image,
        instances.boxes[order],
        names,
        [f"{name} (crowd)" if crowd else name for name, crowd in zip(names, instances.crowd[order], strict=True)],
        None if instances.masks is None else [instances.masks.plane(i) for i in order.tolist()],
        None if instances.keypoints is None else instances.keypoints[order],
    )


def _draw(
    image: np.ndarray,
    boxes: np.ndarray,
    names: Sequence[str],
    texts: Sequence[str],
    masks: Sequence[np.ndarray] | None,
    keypoints: np.ndarray | None,
) -> np.ndarray:
    """Draw N objects, most important first: they are drawn on top of the others, and their labels are placed first."""
    canvas = rgb_copy(image)
    style = Style.of(*canvas.shape[:2])
    colors = [class_color(name) for name in names]
    rectangles = [_inside(box, canvas.shape[1], canvas.shape[0]) for box in boxes]
    last_to_first = range(len(names) - 1, -1, -1)
    if masks is not None:
        for i in last_to_first:
            _draw_mask(canvas, masks[i], colors[i], style)
    for i in last_to_first:
        _draw_box(canvas, rectangles[i], colors[i], style)
    if keypoints is not None:
        for i in last_to_first:
            _draw_keypoints(canvas, keypoints[i], colors[i], style)
    return _draw_labels(canvas, rectangles, texts, colors, style)


def _inside(box: np.ndarray, width: int, height: int) -> Rectangle:
    """Return the corner pixels of a box, clipped to the image."""
    limits = np.array([width, height, width, height])
    x1, y1, x2, y2 = (int(v) for v in np.rint(np.nan_to_num(box)).clip(0, limits))
    x1, y1 = min(x1, width - 1), min(y1, height - 1)
    return x1, y1, max(x2 - 1, x1), max(y2 - 1, y1)


def _draw_mask(canvas: np.ndarray, mask: np.ndarray, color: Color, style: Style) -> None:
    """Tint the pixels of a mask and draw its contour."""
    import cv2

    shape = np.ascontiguousarray(mask, dtype=np.uint8)
    covered = shape.view(bool)
    tint = np.array(color) * MASK_ALPHA
    canvas[covered] = (canvas[covered] * (1 - MASK_ALPHA) + tint).astype(np.uint8)
    contours, _ = cv2.findContours(shape, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(canvas, contours, -1, color, max(1, style.line // 2), cv2.LINE_AA)


def _draw_box(canvas: np.ndarray, rectangle: Rectangle, color: Color, style: Style) -> None:
    """Draw a colored frame with a dark outline of one pixel on both sides."""
    x1, y1, x2, y2 = rectangle
    _frame(canvas, (x1 - 1, y1 - 1, x2 + 1, y2 + 1), style.line + 2, (0, 0, 0), OUTLINE_ALPHA)
    _frame(canvas, rectangle, style.line, color, 1.0)


def _frame(canvas: np.ndarray, rectangle: Rectangle, thickness: int, color: Color, alpha: float) -> None:
    """Blend a frame that extends inwards from the rectangle, so that it is complete at image borders."""
    x1, y1, x2, y2 = rectangle
    x_in, y_in = min(x1 + thickness, x2 + 1), min(y1 + thickness, y2 + 1)
    x_out, y_out = max(x2 + 1 - thickness, x_in), max(y2 + 1 - thickness, y_in)
    for left, top, right, bottom in (
        (x1, y1, x2 + 1, y_in),
        (x1, y_out, x2 + 1, y2 + 1),
        (x1, y_in, x_in, y_out),
        (x_out, y_in, x2 + 1, y_out),
    ):
        strip = canvas[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
        strip[:] = strip * (1 - alpha) + np.array(color) * alpha


def _draw_keypoints(canvas: np.ndarray, points: np.ndarray, color: Color, style: Style) -> None:
    """Draw a dot with a white ring for each keypoint whose third value (visibility or score) is above 0."""
    import cv2

    for x, y in points[points[:, 2] > 0, :2]:
        center = (round(float(x) * 16), round(float(y) * 16))  # fixed point with 4 fractional bits
        cv2.circle(canvas, center, (style.dot + 1) * 16, (255, 255, 255), -1, cv2.LINE_AA, 4)
        cv2.circle(canvas, center, style.dot * 16, color, -1, cv2.LINE_AA, 4)


def _draw_labels(
    canvas: np.ndarray,
    rectangles: Sequence[Rectangle],
    texts: Sequence[str],
    colors: Sequence[Color],
    style: Style,
) -> np.ndarray:
    """Draw each label on a plate of its color, in order, if there is room beside the previous ones."""
    from PIL import Image, ImageDraw

    height, width = canvas.shape[:2]
    letters = font(style.text)
    pad = max(2, style.text // 4)
    plate_height = style.text + pad
    plates: dict[int, Rectangle] = {}
    for i, (rectangle, text) in enumerate(zip(rectangles, texts, strict=True)):
        plate_width = min(round(letters.getlength(text)) + 2 * pad, width)
        taken = list(plates.values())
        plate = _place(rectangle, plate_width, plate_height, width, height, taken)
        if _covered(plate, taken) <= MAX_OVERLAP * plate_width * plate_height:
            plates[i] = plate
    picture = Image.fromarray(canvas)
    pen = ImageDraw.Draw(picture)
    for i, (x1, y1, x2, y2) in reversed(plates.items()):
        pen.rectangle((x1, y1, x2 - 1, y2 - 1), fill=colors[i])
        text = shorten(texts[i], letters, x2 - x1 - 2 * pad)
        pen.text((x1 + pad, (y1 + y2) / 2), text, text_color_on(colors[i]), letters, anchor="lm")
    return np.array(picture)


def _place(
    rectangle: Rectangle, plate_width: int, plate_height: int, width: int, height: int, taken: Sequence[Rectangle]
) -> Rectangle:
    """Return where a label overlaps others least: above the box, in its corners, below it, or beside it."""
    x1, y1, x2, y2 = rectangle
    corners = [
        (x1, y1 - plate_height),
        (x1, y1),
        (x2 + 1 - plate_width, y1 - plate_height),
        (x2 + 1 - plate_width, y1),
        (x1, y2 + 1),
        (x1, y2 + 1 - plate_height),
        (x2 + 1 - plate_width, y2 + 1 - plate_height),
        (x2 + 1, y1),
    ]

    def shifted(corner: tuple[int, int]) -> Rectangle:
        x, y = max(0, min(corner[0], width - plate_width)), max(0, min(corner[1], height - plate_height))
        return x, y, x + plate_width, min(y + plate_height, height)

    return min((shifted(corner) for corner in corners), key=lambda plate: _covered(plate, taken))


def _covered(plate: Rectangle, taken: Sequence[Rectangle]) -> int:
    """Return the number of pixels of a plate that other plates cover."""
    return sum(
        max(0, min(plate[2], other[2]) - max(plate[0], other[0]))
        * max(0, min(plate[3], other[3]) - max(plate[1], other[1]))
        for other in taken
    )
