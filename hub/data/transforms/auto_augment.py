"""RandAugment and TrivialAugment: some operations, chosen at random, one after the other."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from hub.contract.sample import Sample
from hub.data.transforms.operations import OPERATIONS, Operation
from hub.data.transforms.step import GREY, Byte, Context, Step
from hub.errors import OptionError


class RandAugment(Step):
    """Apply ``count`` operations of fourteen, each at ``magnitude`` of 30.

    They are shears, shifts, a turn, brightness, colour, contrast, sharpness, fewer bits, inverted bright pixels,
    automatic contrast, equalisation, and none. Boxes, masks, keypoints and maps move along.

    Reference: Cubuk et al., RandAugment, 2019 (https://arxiv.org/abs/1909.13719), section 3.
    """

    count: Annotated[int, Field(ge=0)] = 2
    magnitude: Annotated[float, Field(ge=0, le=30)] = 9.0
    fill: Byte = GREY

    def __call__(self, sample: Sample, rng: np.random.Generator, context: Context) -> Sample:
        """Apply them.

        Raises:
            OptionError: the image has neither 1 nor 3 channels.
        """
        _check_channels(self, sample)
        for _ in range(self.count):
            operation = _any(rng)
            amount = self.magnitude / 30 * operation.rand_most
            sample = operation.change(sample, _signed(operation, amount, rng), self.fill)
        return sample


class TrivialAugment(Step):
    """Apply one operation of RandAugment's, at a strength drawn evenly from a wide range.

    Reference: Müller and Hutter, TrivialAugment, 2021 (https://arxiv.org/abs/2103.10158), section 3, "wide".
    """

    fill: Byte = GREY

    def __call__(self, sample: Sample, rng: np.random.Generator, context: Context) -> Sample:
        """Apply it.

        Raises:
            OptionError: the image has neither 1 nor 3 channels.
        """
        _check_channels(self, sample)
        operation = _any(rng)
        amount = rng.integers(31) / 30 * operation.trivial_most
        return operation.change(sample, _signed(operation, amount, rng), self.fill)


def _check_channels(step: Step, sample: Sample) -> None:
    channels = sample.image.shape[2]
    if channels not in (1, 3):
        raise OptionError(
            f"{type(step).__name__} changes colours of images of 1 or 3 channels, but {sample.path} has {channels}",
            fix="use colour, affine and flip instead",
        )


def _any(rng: np.random.Generator) -> Operation:
    return list(OPERATIONS.values())[int(rng.integers(len(OPERATIONS)))]


def _signed(operation: Operation, amount: float, rng: np.random.Generator) -> float:
    return -amount if operation.signed and rng.random() < 0.5 else amount
