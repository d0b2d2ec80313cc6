"""Geometric transforms: each moves an image and all that is annotated on it."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field, PositiveFloat, PositiveInt

from hub.contract.option_types import Fraction, PositiveFraction, Probability
from hub.contract.sample import Sample
from hub.data.functional.affine import affine, affine_matrix
from hub.data.functional.geometry import crop, mirror, pad, resize
from hub.data.functional.pixel_values import fill_value
from hub.data.transforms.step import Context, Range, Step
from hub.images import ResizeRule


class Resize(Step):
    """Resize the shorter side to ``shortest`` pixels, or to one of several lengths, the longer one within ``longest``.

    None keeps the size.
    """

    shortest: PositiveInt | Annotated[tuple[PositiveInt, ...], Field(min_length=1)] | None = 800
    longest: PositiveInt = 1333

    def __call__(self, sample: Sample, rng: np.random.Generator, context: Context) -> Sample:
        """Resize; see `hub.images.ResizeRule`."""
        sides = self.shortest if isinstance(self.shortest, tuple) else (self.shortest,)
        rule = ResizeRule(shortest=sides[int(rng.integers(len(sides)))], longest=self.longest)
        return resize(sample, rule.size(*sample.image.shape[:2]))


class HorizontalFlip(Step):
    """Mirror left to right with probability ``p``."""

    p: Probability = 0.5

    def __call__(self, sample: Sample, rng: np.random.Generator, context: Context) -> Sample:
        """Flip, or not."""
        return mirror(sample, keypoint_order=context.keypoint_order) if rng.random() < self.p else sample


class VerticalFlip(Step):
    """Mirror top to bottom with probability ``p``; left and right keypoints change places here, too."""

    p: Probability = 0.5

    def __call__(self, sample: Sample, rng: np.random.Generator, context: Context) -> Sample:
        """Flip, or not."""
        if rng.random() >= self.p:
            return sample
        return mirror(sample, vertical=True, keypoint_order=context.keypoint_order)


class ScaleJitter(Range):
    """Large-scale jitter: fit into ``size``, scale by ``low`` to ``high``, crop or pad to exactly ``size``.

    ``fill`` is the value of padded pixels, in units of the value range.

    Reference: Ghiasi et al., Simple Copy-Paste, 2021 (https://arxiv.org/abs/2012.07177), section 3.
    """

    low: PositiveFloat = 0.1
    high: PositiveFloat = 2.0
    size: tuple[PositiveInt, PositiveInt] = (1024, 1024)
    fill: Fraction = 0.5
    min_visibility: Fraction = 0.0

    def __call__(self, sample: Sample, rng: np.random.Generator, context: Context) -> Sample:
        """Scale, crop and pad."""
        height, width = sample.image.shape[:2]
        scale = rng.uniform(self.low, self.high) * min(self.size[0] / height, self.size[1] / width)
        scaled = resize(sample, (max(1, round(height * scale)), max(1, round(width * scale))))
        height, width = scaled.image.shape[:2]
        window = (min(height, self.size[0]), min(width, self.size[1]))
        cut = _random_crop(scaled, window, rng, self.min_visibility)
        return pad(cut, self.size, fill=fill_value(self.fill, sample.pixels))


class Crop(Range):
    """With probability ``p`` crop a window whose sides are ``low`` to ``high`` of the image's."""

    low: PositiveFraction = 0.5
    high: PositiveFraction = 1.0
    p: Probability = 0.5
    min_visibility: Fraction = 0.1

    def __call__(self, sample: Sample, rng: np.random.Generator, context: Context) -> Sample:
        """Crop, or not."""
        if rng.random() >= self.p:
            return sample
        height, width = sample.image.shape[:2]
        down, across = rng.uniform(self.low, self.high, 2)
        window = (max(1, round(height * down)), max(1, round(width * across)))
        return _random_crop(sample, window, rng, self.min_visibility)


class RandomResizedCrop(Range):
    """Crop ``low`` to ``high`` of the image's area, of a random shape, and resize it to ``size``.

    The aspect ratio, width / height, is between 1 / ``ratio`` and ``ratio``, uniform on a logarithmic scale. If no such
    window fits in ten attempts, the largest one in the center that fits is used. Objects of whose box less than
    ``min_visibility`` is left are removed.

    Reference: Szegedy et al., Going deeper with convolutions, 2014 (https://arxiv.org/abs/1409.4842), section 6.
    """

    low: PositiveFraction = 0.08
    high: PositiveFraction = 1.0
    ratio: Annotated[float, Field(ge=1)] = 4 / 3
    size: tuple[PositiveInt, PositiveInt] = (224, 224)
    min_visibility: Fraction = 0.1

    def __call__(self, sample: Sample, rng: np.random.Generator, context: Context) -> Sample:
        """Crop and resize."""
        height, width = sample.image.shape[:2]
        for _ in range(10):
            area = rng.uniform(self.low, self.high) * height * width
            ratio = np.exp(rng.uniform(-np.log(self.ratio), np.log(self.ratio)))
            window = round(np.sqrt(area / ratio)), round(np.sqrt(area * ratio))
            if 0 < window[0] <= height and 0 < window[1] <= width:
                cut = _random_crop(sample, window, rng, self.min_visibility)
                return resize(cut, self.size)
        window = min(height, round(width * self.ratio)), min(width, round(height * self.ratio))
        top, left = (height - window[0]) // 2, (width - window[1]) // 2
        return resize(crop(sample, top, left, window, min_visibility=self.min_visibility), self.size)


class Affine(Range):
    """With probability ``p`` rotate, scale, shear and translate about the center, keeping the image's size.

    By default it only rotates. Each amount is uniform: the scale between ``low`` and ``high``, the others between the
    option's value and its negative; ``rotate`` and ``shear`` are in degrees, ``translate`` in fractions of the image's
    sides. Pixels from outside get the value ``fill``, in units of the value range. Boxes enclose their object's
    transformed mask, or without one the transformed box, which is then larger than the object. Objects of whose box
    less than ``min_visibility`` is left are removed.
    """

    rotate: Annotated[float, Field(ge=0, le=180)] = 10.0
    translate: Fraction = 0.0
    low: PositiveFloat = 1.0
    high: PositiveFloat = 1.0
    shear: Annotated[float, Field(ge=0, lt=45)] = 0.0
    fill: Fraction = 0.5
    p: Probability = 1.0
    min_visibility: Fraction = 0.1

    def __call__(self, sample: Sample, rng: np.random.Generator, context: Context) -> Sample:
        """Transform, or not."""
        if rng.random() >= self.p:
            return sample
        angle = rng.uniform(-self.rotate, self.rotate)
        across, down = rng.uniform(-self.translate, self.translate, 2)
        scale = rng.uniform(self.low, self.high)
        shears = np.tan(np.deg2rad(rng.uniform(-self.shear, self.shear, 2)))
        matrix = affine_matrix(
            sample.image.shape[:2],
            rotate=angle,
            scale=scale,
            shear=(float(shears[0]), float(shears[1])),
            translate=(across, down),
        )
        return affine(sample, matrix, fill=fill_value(self.fill, sample.pixels), min_visibility=self.min_visibility)


def _random_crop(sample: Sample, window: tuple[int, int], rng: np.random.Generator, min_visibility: float) -> Sample:
    height, width = sample.image.shape[:2]
    top = int(rng.integers(height - window[0] + 1))
    left = int(rng.integers(width - window[1] + 1))
    return crop(sample, top, left, window, min_visibility=min_visibility)
