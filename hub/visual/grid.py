"""A grid of images with titles."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from hub.images import resize_image
from hub.visual.text import font, shorten

BACKGROUND = (255, 255, 255)
TEXT = (32, 33, 36)


def side_by_side(
    images: Sequence[np.ndarray],
    titles: Sequence[str] = (),
    columns: int | None = None,
    *,
    cell: tuple[int, int] | None = None,
) -> np.ndarray:
    """Arrange images in rows on a white background, each with its title above it.

    Args:
        images: each (H, W, 3) uint8 RGB, of any size; each is scaled to fit its cell with its aspect ratio.
        titles: one for each image, or none; a title that is too long for its cell ends in "…".
        columns: images per row; by default the number of images, at most 4.
        cell: (height, width) in pixels of a cell; by default the median height and width.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ValueError: there are no images, or the number of titles differs.

    >>> side_by_side([np.zeros((60, 80, 3), np.uint8)] * 3, columns=2).shape
    (132, 172, 3)
    """
    from PIL import Image, ImageDraw

    if not images or (titles and len(titles) != len(images)):
        raise ValueError(f"{len(images)} images with {len(titles)} titles")
    columns = min(columns or 4, len(images))
    height, width = cell or (int(np.median([i.shape[0] for i in images])), int(np.median([i.shape[1] for i in images])))
    gap = max(4, round(min(height, width) / 40))
    letters = font(max(11, round(min(height, width) / 22)))
    title_height = round(letters.size * 1.6) if titles else 0
    rows = math.ceil(len(images) / columns)
    sheet = np.empty((rows * (height + title_height + gap) + gap, columns * (width + gap) + gap, 3), np.uint8)
    sheet[:] = BACKGROUND
    places = []
    for n, image in enumerate(images):
        row, column = divmod(n, columns)
        top, left = gap + row * (height + title_height + gap), gap + column * (width + gap)
        places.append((left, top))
        scale = min(height / image.shape[0], width / image.shape[1])
        size = (max(1, round(image.shape[0] * scale)), max(1, round(image.shape[1] * scale)))
        y = top + title_height + (height - size[0]) // 2
        x = left + (width - size[1]) // 2
        sheet[y : y + size[0], x : x + size[1]] = resize_image(image, size)
    picture = Image.fromarray(sheet)
    pen = ImageDraw.Draw(picture)
    for title, (left, top) in zip(titles, places, strict=False):
        pen.text((left, top + title_height / 2), shorten(title, letters, width), TEXT, letters, anchor="lm")
    return np.asarray(picture)
