"""Drawing objects on an image: masks, boxes, keypoints, and tags that stay inside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hub.visual.colors import Color, class_color, ink_on
from hub.visual.text import font, shorten

if TYPE_CHECKING:
    from hub.contract.results import Detections
    from hub.contract.sample import Instances
    from hub.labels import LabelSpace

MASK_ALPHA = 0.4
HALO_ALPHA = 0.45  # a dark rim, so that a line shows on any background
CROWDED = 0.25  # a tag that other tags would cover more of than this is left out; its box tells the class by colour
Rectangle = tuple[int, int, int, int]


@dataclass(frozen=True)
class Style:
    """Sizes in pixels that follow the image's.

    Attributes:
        line: width of a box's line.
        text: height of the letters.
        dot: radius of a keypoint.
    """

    line: int
    text: int
    dot: int

    @classmethod
    def of(cls, height: int, width: int) -> Style:
        """The style for an image of this size.

        >>> Style.of(128, 128), Style.of(480, 640), Style.of(1080, 1920)
        (Style(line=1, text=10, dot=2), Style(line=2, text=12, dot=3), Style(line=4, text=32, dot=7))
        """
        scale = (height * width) ** 0.5
        return cls(line=max(1, round(scale / 330)), text=max(10, round(scale / 45)), dot=max(2, round(scale / 200)))


def draw_detections(
    image: np.ndarray, detections: Detections, *, score: float = 0.5, max_objects: int = 100
) -> np.ndarray:
    """Draw what was found on a copy of the image.

    Args:
        image: (H, W, 3) uint8 RGB, or grey as (H, W) or (H, W, 1): the file that the detections are of.
        detections: their boxes, and masks and keypoints where there are.
        score: objects with less are left out.
        max_objects: only so many of the best are drawn.

    Returns:
        (H, W, 3) uint8 RGB. Every class has the same colour in every picture.
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
    """Draw annotated objects on a copy of the image, the largest first; crowds are marked as such.

    Args:
        image: (H, W, 3) uint8 RGB, or grey as (H, W) or (H, W, 1): the image that the annotations are of.
        instances: boxes, and masks and keypoints where they were loaded.
        labels: the dataset's ``"instances"`` label space.
        max_objects: only so many of the largest are drawn.

    Returns:
        (H, W, 3) uint8 RGB, in the colours of `draw_detections`.
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
    tags: Sequence[str],
    masks: Sequence[np.ndarray] | None,
    keypoints: np.ndarray | None,
) -> np.ndarray:
    """Draw N objects, the most important first: those are drawn last, over the others, but get their tag first."""
    grey = image.ndim == 2 or image.shape[2] == 1
    canvas = np.repeat(image.reshape(*image.shape[:2], 1), 3, axis=2) if grey else image.copy()
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
    return _draw_tags(canvas, rectangles, tags, colors, style)


def _inside(box: np.ndarray, width: int, height: int) -> Rectangle:
    """The box as the pixels at its corners, inside the image."""
    limits = np.array([width, height, width, height])
    x1, y1, x2, y2 = (int(v) for v in np.rint(np.nan_to_num(box)).clip(0, limits))
    x1, y1 = min(x1, width - 1), min(y1, height - 1)
    return x1, y1, max(x2 - 1, x1), max(y2 - 1, y1)


def _draw_mask(canvas: np.ndarray, mask: np.ndarray, color: Color, style: Style) -> None:
    """Tint the mask's pixels and trace its outline."""
    import cv2

    shape = np.ascontiguousarray(mask, dtype=np.uint8)
    covered = shape.view(bool)
    tint = np.array(color) * MASK_ALPHA
    canvas[covered] = (canvas[covered] * (1 - MASK_ALPHA) + tint).astype(np.uint8)
    outlines, _ = cv2.findContours(shape, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(canvas, outlines, -1, color, max(1, style.line // 2), cv2.LINE_AA)


def _draw_box(canvas: np.ndarray, rectangle: Rectangle, color: Color, style: Style) -> None:
    """A coloured frame with a dark rim one pixel wide on either side."""
    x1, y1, x2, y2 = rectangle
    _frame(canvas, (x1 - 1, y1 - 1, x2 + 1, y2 + 1), style.line + 2, (0, 0, 0), HALO_ALPHA)
    _frame(canvas, rectangle, style.line, color, 1.0)


def _frame(canvas: np.ndarray, rectangle: Rectangle, thickness: int, color: Color, alpha: float) -> None:
    """Blend a frame that grows inwards from the rectangle's outermost pixels, so that image borders cut none."""
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
    """A dot with a white ring for each keypoint that is visible, that is, whose third value is above 0."""
    import cv2

    for x, y in points[points[:, 2] > 0, :2]:
        center = (round(float(x) * 16), round(float(y) * 16))  # in sixteenths of a pixel
        cv2.circle(canvas, center, (style.dot + 1) * 16, (255, 255, 255), -1, cv2.LINE_AA, 4)
        cv2.circle(canvas, center, style.dot * 16, color, -1, cv2.LINE_AA, 4)


def _draw_tags(
    canvas: np.ndarray,
    rectangles: Sequence[Rectangle],
    tags: Sequence[str],
    colors: Sequence[Color],
    style: Style,
) -> np.ndarray:
    """Write each tag on a plate of its colour, the first ones first, where there is room among those before."""
    from PIL import Image, ImageDraw

    height, width = canvas.shape[:2]
    letters = font(style.text)
    pad = max(2, style.text // 4)
    plate_height = style.text + pad
    plates: dict[int, Rectangle] = {}
    for i, (rectangle, tag) in enumerate(zip(rectangles, tags, strict=True)):
        plate_width = min(round(letters.getlength(tag)) + 2 * pad, width)
        taken = list(plates.values())
        plate = _place(rectangle, plate_width, plate_height, width, height, taken)
        if _covered(plate, taken) <= CROWDED * plate_width * plate_height:
            plates[i] = plate
    picture = Image.fromarray(canvas)
    pen = ImageDraw.Draw(picture)
    for i, (x1, y1, x2, y2) in reversed(plates.items()):
        pen.rectangle((x1, y1, x2 - 1, y2 - 1), fill=colors[i])
        text = shorten(tags[i], letters, x2 - x1 - 2 * pad)
        pen.text((x1 + pad, (y1 + y2) / 2), text, ink_on(colors[i]), letters, anchor="lm")
    return np.array(picture)


def _place(
    rectangle: Rectangle, plate_width: int, plate_height: int, width: int, height: int, taken: Sequence[Rectangle]
) -> Rectangle:
    """The place where a tag covers the least of others: above the box, in its corners, below it, beside it."""
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
    """How many pixels of a plate other plates cover."""
    return sum(
        max(0, min(plate[2], other[2]) - max(plate[0], other[0]))
        * max(0, min(plate[3], other[3]) - max(plate[1], other[1]))
        for other in taken
    )
