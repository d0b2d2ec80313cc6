"""Photometric transforms: they change pixel values only."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from functools import lru_cache
from typing import Annotated

import numpy as np
from pydantic import Field, PositiveFloat

from hub.contract.option_types import Fraction, PositiveFraction, Probability
from hub.contract.sample import Sample
from hub.data.functional.pixel_values import in_units
from hub.data.transforms.effects import Effect, make_effect
from hub.data.transforms.step import Context, Step


class PixelStep(Step):
    """Base of transforms that change pixel values only, by an albumentations transform.

    They work on all dtypes and numbers of channels; images of other dtypes than uint8 are clipped to their range.
    """

    p: Probability = 0.5

    @abstractmethod
    def effect(self) -> Effect:
        """Return the albumentations transform, which is always applied: ``p`` is drawn here."""

    def __call__(self, sample: Sample, rng: np.random.Generator, context: Context) -> Sample:
        """Change the image, or not."""
        if rng.random() >= self.p:
            return sample
        effect = _effect(self)
        effect.seed(int(rng.integers(2**32)))
        return replace(sample, image=in_units(sample.image, sample.pixels, effect.image))


class ColorJitter(PixelStep):
    """Change brightness, contrast and saturation by up to these fractions, and hue by this part of the circle.

    Images of other than 3 channels have no saturation and hue; all their channels are changed alike.
    """

    brightness: Fraction = 0.2
    contrast: Fraction = 0.2
    saturation: Fraction = 0.2
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.02

    def effect(self) -> Effect:
        """Return ColorJitter."""
        return make_effect(
            "ColorJitter",
            brightness=(1 - self.brightness, 1 + self.brightness),
            contrast=(1 - self.contrast, 1 + self.contrast),
            saturation=(1 - self.saturation, 1 + self.saturation),
            hue=(-self.hue, self.hue),
        )

    def __call__(self, sample: Sample, rng: np.random.Generator, context: Context) -> Sample:
        """Change the image, or not."""
        shape = sample.image.shape
        if shape[2] in (1, 3):
            return super().__call__(sample, rng, context)
        side_by_side = replace(sample, image=sample.image.reshape(shape[0], -1, 1))
        return replace(sample, image=super().__call__(side_by_side, rng, context).image.reshape(shape))


class GaussianBlur(PixelStep):
    """Gaussian blur with a standard deviation of up to ``sigma`` pixels."""

    sigma: PositiveFloat = 1.5

    def effect(self) -> Effect:
        """Return GaussianBlur; kernel size 0 lets it follow from sigma."""
        return make_effect("GaussianBlur", sigma_limit=(0.0, self.sigma), blur_limit=0)


class GaussianNoise(PixelStep):
    """Gaussian noise with a standard deviation of up to ``std`` of the value range."""

    std: PositiveFraction = 0.05

    def effect(self) -> Effect:
        """Return GaussNoise."""
        return make_effect("GaussNoise", std_range=(0.0, self.std))


@lru_cache(maxsize=64)
def _effect(step: PixelStep) -> Effect:
    return step.effect()
