"""Random erasing."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from hub.contract.option_types import Fraction, PositiveFraction, Probability
from hub.contract.sample import Sample
from hub.data.functional.pixel_values import fill_value, from_unit
from hub.data.transforms.step import Context, Range
from hub.pixel_format import PixelFormat


class RandomErasing(Range):
    """With probability ``p`` erase a rectangle of ``low`` to ``high`` of the image's area.

    The aspect ratio, width / height, is between 1 / ``ratio`` and ``ratio``, uniform on a logarithmic scale; if no such
    rectangle fits in ten attempts, nothing is erased. It is filled with ``noise`` (a uniform value of the range in each
    pixel and channel), the image's ``mean`` color, or one value in units of the range. All annotations stay.

    Reference: Zhong et al., Random Erasing Data Augmentation, 2017 (https://arxiv.org/abs/1708.04896), section 3.
    """

    low: PositiveFraction = 0.02
    high: PositiveFraction = 0.33
    ratio: Annotated[float, Field(ge=1)] = 10 / 3
    fill: Fraction | Literal["noise", "mean"] = "noise"
    p: Probability = 0.5

    def __call__(self, sample: Sample, rng: np.random.Generator, context: Context) -> Sample:
        """Erase, or not."""
        if rng.random() >= self.p:
            return sample
        height, width, channels = sample.image.shape
        for _ in range(10):
            area = rng.uniform(self.low, self.high) * height * width
            ratio = np.exp(rng.uniform(-np.log(self.ratio), np.log(self.ratio)))
            sides = round(np.sqrt(area / ratio)), round(np.sqrt(area * ratio))
            if 0 < sides[0] <= height and 0 < sides[1] <= width:
                break
        else:
            return sample
        top, left = int(rng.integers(height - sides[0] + 1)), int(rng.integers(width - sides[1] + 1))
        image = sample.image.copy()
        image[top : top + sides[0], left : left + sides[1]] = self._filling((*sides, channels), sample, rng)
        return replace(sample, image=image)

    def _filling(self, shape: tuple[int, int, int], sample: Sample, rng: np.random.Generator) -> np.ndarray:
        image, pixels = sample.image, sample.pixels
        if self.fill == "noise":
            if pixels == PixelFormat():
                return rng.integers(0, 256, shape, np.uint8)
            return from_unit(rng.random(shape, np.float32), pixels)
        if self.fill == "mean":
            mean = image.mean((0, 1), dtype=np.float64)
            fill: np.ndarray = (mean if pixels.dtype == "float32" else mean.round()).astype(image.dtype)
            return fill
        return np.array(fill_value(self.fill, pixels), image.dtype)
