"""Steps that change pixel values only, through albumentations, which nothing else in the hub touches."""

from __future__ import annotations

import os
from abc import abstractmethod
from dataclasses import replace
from functools import lru_cache
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from hub.contract.sample import Sample
from hub.data.transforms.step import Context, Fraction, Probability, Scale, Step


class PixelStep(Step):
    """Base of what changes pixel values only, through albumentations."""

    p: Probability = 0.5

    @abstractmethod
    def effect(self) -> Any:
        """The albumentations transform, always applied: chance is drawn here."""

    def __call__(self, sample: Sample, rng: np.random.Generator, context: Context) -> Sample:
        """Change the image, or not."""
        if rng.random() >= self.p:
            return sample
        effect = _effect(self)
        effect.set_random_seed(int(rng.integers(2**32)))
        return replace(sample, image=effect(image=sample.image)["image"])


class Colour(PixelStep):
    """Change brightness, contrast and saturation by up to these fractions, hue by this part of the circle.

    Images of other than 3 channels have no saturation and hue; their channels are changed alike.
    """

    brightness: Probability = 0.2
    contrast: Probability = 0.2
    saturation: Probability = 0.2
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.02

    def effect(self) -> Any:
        """ColorJitter."""
        return _albumentations().ColorJitter(
            brightness=(1 - self.brightness, 1 + self.brightness),
            contrast=(1 - self.contrast, 1 + self.contrast),
            saturation=(1 - self.saturation, 1 + self.saturation),
            hue=(-self.hue, self.hue),
            p=1,
        )

    def __call__(self, sample: Sample, rng: np.random.Generator, context: Context) -> Sample:
        """Change the image, or not."""
        shape = sample.image.shape
        if shape[2] in (1, 3):
            return super().__call__(sample, rng, context)
        side_by_side = replace(sample, image=sample.image.reshape(shape[0], -1, 1))
        return replace(sample, image=super().__call__(side_by_side, rng, context).image.reshape(shape))


class Blur(PixelStep):
    """Gaussian blur with a standard deviation of up to ``sigma`` pixels."""

    sigma: Scale = 1.5

    def effect(self) -> Any:
        """GaussianBlur; kernel size 0 lets it follow from sigma."""
        return _albumentations().GaussianBlur(sigma_limit=(0.0, self.sigma), blur_limit=0, p=1)


class Noise(PixelStep):
    """Gaussian noise with a standard deviation of up to ``std`` of the full range."""

    std: Fraction = 0.05

    def effect(self) -> Any:
        """GaussNoise."""
        return _albumentations().GaussNoise(std_range=(0.0, self.std), p=1)


@lru_cache(maxsize=64)
def _effect(step: PixelStep) -> Any:
    return step.effect()


def _albumentations() -> Any:
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # otherwise its import asks the network for news
    import albumentations

    return albumentations
