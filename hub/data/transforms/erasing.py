"""Random erasing."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from hub.contract.sample import Sample
from hub.data.transforms.step import Byte, Context, Fraction, Probability, Range


class RandomErasing(Range):
    """With probability ``p`` hide a rectangle of ``low`` to ``high`` of the image's area.

    Width to height is between 1 / ``ratio`` and ``ratio``, evenly on a logarithmic scale; where no such rectangle
    fits in ten attempts, nothing is hidden. It is filled with ``noise`` (any value in each pixel and channel), the
    image's ``mean`` colour, or one value. All annotations stay, those of the hidden pixels too: a model learns to tell
    from what is around.

    Reference: Zhong et al., Random Erasing Data Augmentation, 2017 (https://arxiv.org/abs/1708.04896), section 3.
    """

    low: Fraction = 0.02
    high: Fraction = 0.33
    ratio: Annotated[float, Field(ge=1)] = 10 / 3
    fill: Byte | Literal["noise", "mean"] = "noise"
    p: Probability = 0.5

    def __call__(self, sample: Sample, rng: np.random.Generator, context: Context) -> Sample:
        """Hide, or not."""
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
        image[top : top + sides[0], left : left + sides[1]] = self._filling((*sides, channels), sample.image, rng)
        return replace(sample, image=image)

    def _filling(self, shape: tuple[int, int, int], image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if self.fill == "noise":
            return rng.integers(0, 256, shape, np.uint8)
        if self.fill == "mean":
            return image.mean((0, 1)).round().astype(np.uint8)
        return np.array(self.fill, np.uint8)
