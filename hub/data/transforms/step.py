"""The base of every transform: validated options, called with a sample, a generator and the dataset around it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from pydantic import PositiveFloat, ValidationInfo, field_validator

from hub.contract.options import Options
from hub.contract.sample import Sample

Draw = Callable[[np.random.Generator], Sample]


@dataclass(frozen=True)
class Context:
    """What a step gets beside its sample.

    Attributes:
        keypoint_order: of keypoints in a mirrored image, or None where none has a left and a right.
        partner: draws another sample of the dataset, for steps that mix; None where there is no dataset.
    """

    keypoint_order: np.ndarray | None = None
    partner: Draw | None = None


class Step(Options, ABC):
    """Base of every transform: its fields are its options. A subclass is registered by a `hub.TransformSpec`.

    Amounts of pixel values, such as ``fill``, are in units of the value range: 0 is its lower end, 1 its upper one.

    >>> class Invert(Step):
    ...     def __call__(self, sample, rng, context):
    ...         low, high = sample.value_range
    ...         return replace(sample, image=(low + high - sample.image).astype(sample.image.dtype))
    >>> from dataclasses import replace
    >>> from pathlib import Path
    >>> dark = Sample(np.zeros((1, 1, 3), np.uint8), 1, Path("a.png"), (1, 1))
    >>> Invert()(dark, np.random.default_rng(0), Context()).image.ravel().tolist()
    [255, 255, 255]
    """

    @abstractmethod
    def __call__(self, sample: Sample, rng: np.random.Generator, context: Context) -> Sample:
        """Return a changed copy of the sample.

        Args:
            sample: must not be changed.
            rng: the only source of randomness.
            context: the dataset around the sample.
        """


class Range(Step):
    """Base of transforms that draw a number between ``low`` and ``high``."""

    low: PositiveFloat
    high: PositiveFloat

    @field_validator("high")
    @classmethod
    def _ordered(cls, high: float, info: ValidationInfo) -> float:
        if high < info.data.get("low", high):
            raise ValueError("it must not be below low")
        return high
