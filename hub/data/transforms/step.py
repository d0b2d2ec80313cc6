"""What every transform is: validated options, called with a sample, a generator and the dataset around it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from hub.contract.options import Options
from hub.contract.sample import Sample

Probability = Annotated[float, Field(ge=0, le=1)]
Fraction = Annotated[float, Field(gt=0, le=1)]
Scale = Annotated[float, Field(gt=0)]
Pixels = Annotated[int, Field(gt=0)]
Byte = Annotated[int, Field(ge=0, le=255)]

GREY = 128  # what fills the places where there is no image

Draw = Callable[[np.random.Generator], Sample]


@dataclass(frozen=True)
class Context:
    """What a step may know beside its sample.

    Attributes:
        keypoint_order: of keypoints in a mirrored image, or None where none has a left and a right.
        partner: draws another sample of the dataset, for steps that mix; None where there is no dataset.
    """

    keypoint_order: np.ndarray | None = None
    partner: Draw | None = None


class Step(Options, ABC):
    """One transform and its options; subclasses are what `TRANSFORMS` names."""

    @abstractmethod
    def __call__(self, sample: Sample, rng: np.random.Generator, context: Context) -> Sample:
        """A changed copy of the sample.

        Args:
            sample: left as it is.
            rng: the only source of randomness.
            context: what else there is.
        """


class Range(Step):
    """Base of what draws a number between ``low`` and ``high``."""

    low: Scale
    high: Scale

    @field_validator("high")
    @classmethod
    def _ordered(cls, high: float, info: ValidationInfo) -> float:
        if high < info.data.get("low", high):
            raise ValueError("it must not be below low")
        return high
