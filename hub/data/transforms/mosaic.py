"""Mosaic: four images in one."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from hub.contract.option_types import Fraction
from hub.contract.sample import Sample
from hub.data.functional.compose import collage
from hub.data.functional.geometry import crop, resize
from hub.data.functional.pixel_values import fill_value
from hub.data.transforms.mixing import MixingStep
from hub.data.transforms.step import Draw, Range

Side = Annotated[int, Field(ge=2)]
Inner = Annotated[float, Field(gt=0, lt=1)]


class Mosaic(MixingStep, Range):
    """With probability ``p`` lay four images around a point of a canvas of ``size``, each with a corner at it.

    The point lies between ``low`` and ``high`` of the canvas's height and width. Images are resized to fit half the
    canvas and cropped where they leave it; pixels without an image get ``fill``, in units of the value range. Objects
    of whose box less than ``min_visibility`` is left are removed. The canvas is twice as large as the training size:
    let ``scale_jitter`` follow; its ``size: [640, 640]`` with ``low: 1`` and ``high: 3`` gives YOLO's scales of 0.5 to
    1.5.

    Reference: Bochkovskiy et al., YOLOv4, 2020 (https://arxiv.org/abs/2004.10934), section 3.3.
    """

    size: tuple[Side, Side] = (1280, 1280)
    low: Inner = 0.25
    high: Inner = 0.75
    fill: Fraction = 0.5
    min_visibility: Fraction = 0.1

    def check(self, sample: Sample) -> None:
        """Refuse tags.

        Raises:
            OptionError: names the tag.
        """
        self._refuse_tags(sample, "shows parts of four images")

    def mix(self, sample: Sample, rng: np.random.Generator, partner: Draw) -> Sample:
        """Lay four images, the own one first: above and left of the point."""
        height, width = self.size
        y, x = (self._inner(side, rng) for side in self.size)
        corners = [(True, True), (True, False), (False, True), (False, False)]
        pieces = []
        for number, (above, left) in enumerate(corners):
            image = self._half(sample if number == 0 else partner(rng))
            down, row, tall = _beside(image.image.shape[0], y, height, before=above)
            across, column, wide = _beside(image.image.shape[1], x, width, before=left)
            piece = crop(image, row, column, (tall, wide), min_visibility=self.min_visibility)
            pieces.append((piece, down, across))
        return collage(pieces, self.size, fill=fill_value(self.fill, sample.pixels))

    def _inner(self, side: int, rng: np.random.Generator) -> int:
        return min(max(1, round(rng.uniform(self.low, self.high) * side)), side - 1)

    def _half(self, sample: Sample) -> Sample:
        sides = sample.image.shape[:2]
        scale = min(whole / 2 / side for whole, side in zip(self.size, sides, strict=True))
        height, width = (max(1, round(side * scale)) for side in sides)
        return resize(sample, (height, width))


def _beside(side: int, point: int, whole: int, *, before: bool) -> tuple[int, int, int]:
    """Along one axis: where the piece starts on the canvas, where in its image, and how long it is."""
    length = min(side, point if before else whole - point)
    return (point - length, side - length, length) if before else (point, 0, length)
