"""RandAugment and TrivialAugment: operations chosen at random."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field, NonNegativeInt

from hub.contract.option_types import Fraction
from hub.contract.sample import Sample
from hub.data.functional.pixel_values import fill_value
from hub.data.transforms.operations import OPERATIONS, Operation
from hub.data.transforms.step import Context, Step
from hub.errors import OptionError


class RandAugment(Step):
    """Apply ``count`` operations of fourteen, each at ``magnitude`` of 30.

    They are shears, translations, rotation, brightness, color, contrast, sharpness, posterize, solarize, autocontrast,
    equalize and identity. Boxes, masks, keypoints and maps follow. ``fill`` is the value of pixels from outside, in
    units of the value range. Images are uint8 and have 1 or 3 channels.

    Reference: Cubuk et al., RandAugment, 2019 (https://arxiv.org/abs/1909.13719), section 3.
    """

    count: NonNegativeInt = 2
    magnitude: Annotated[float, Field(ge=0, le=30)] = 9.0
    fill: Fraction = 0.5

    def __call__(self, sample: Sample, rng: np.random.Generator, context: Context) -> Sample:
        """Apply the operations.

        Raises:
            OptionError: the image is not uint8 or has neither 1 nor 3 channels.
        """
        _check_channels(self, sample)
        for _ in range(self.count):
            operation = _any(rng)
            amount = self.magnitude / 30 * operation.rand_most
            sample = operation.change(sample, _signed(operation, amount, rng), fill_value(self.fill, sample.pixels))
        return sample


class TrivialAugment(Step):
    """Apply one of RandAugment's operations, at a magnitude that is uniform in a wide range.

    Reference: Müller and Hutter, TrivialAugment, 2021 (https://arxiv.org/abs/2103.10158), section 3, "wide".
    """

    fill: Fraction = 0.5

    def __call__(self, sample: Sample, rng: np.random.Generator, context: Context) -> Sample:
        """Apply the operation.

        Raises:
            OptionError: the image is not uint8 or has neither 1 nor 3 channels.
        """
        _check_channels(self, sample)
        operation = _any(rng)
        amount = rng.integers(31) / 30 * operation.trivial_most
        return operation.change(sample, _signed(operation, amount, rng), fill_value(self.fill, sample.pixels))


def _check_channels(step: Step, sample: Sample) -> None:
    channels, dtype = sample.image.shape[2], sample.image.dtype
    if channels not in (1, 3) or dtype != np.uint8:
        raise OptionError(
            f"{type(step).__name__} takes uint8 images of 1 or 3 channels, "
            f"but {sample.path} is {dtype} and has {channels}",
            fix="use color_jitter, affine and horizontal_flip instead, which take every image",
        )


def _any(rng: np.random.Generator) -> Operation:
    return list(OPERATIONS.values())[int(rng.integers(len(OPERATIONS)))]


def _signed(operation: Operation, amount: float, rng: np.random.Generator) -> float:
    return -amount if operation.signed and rng.random() < 0.5 else amount
