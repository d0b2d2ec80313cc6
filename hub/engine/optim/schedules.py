"""Learning-rate schedules: pure functions of the step, without any state to resume."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field


@dataclass(frozen=True, kw_only=True)
class Schedule(ABC):
    """Base of the schedules: the factor of the learning rate at each step, with a linear warm-up.

    A subclass is a frozen dataclass whose fields are its options; register it as a `hub.ScheduleSpec`.

    Args:
        steps: steps of the run.
        warmup: steps of the warm-up, during which the factor is multiplied by a linear ramp from ``warmup_start`` to 1.
        warmup_start: start of the ramp.
    """

    in_epochs: ClassVar[tuple[str, ...]] = ()
    """Options that a config gives in epochs if the length of the run is in epochs; converted to steps."""

    steps: int
    warmup: int = 0
    warmup_start: float = 0.001

    def __call__(self, step: int) -> float:
        """Return the factor at ``step``, counted from 0."""
        factor = self.factor(step)
        if step < self.warmup:
            factor *= self.warmup_start + (1 - self.warmup_start) * step / self.warmup
        return factor

    @abstractmethod
    def factor(self, step: int) -> float:
        """Return the factor at ``step`` without the warm-up."""

    def progress(self, step: int) -> float:
        """Return the fraction of the steps after the warm-up that are done at ``step``."""
        return min(1.0, max(0, step - self.warmup) / max(1, self.steps - self.warmup))


@dataclass(frozen=True, kw_only=True)
class Constant(Schedule):
    """The same learning rate at every step."""

    def factor(self, step: int) -> float:
        """Return 1."""
        return 1.0


@dataclass(frozen=True, kw_only=True)
class MultiStep(Schedule):
    """Multiply the learning rate by ``gamma`` at each milestone.

    Args:
        milestones: in steps; in a config, in the unit of the run's length.
        gamma: factor at each milestone.

    >>> schedule = MultiStep(steps=100, milestones=(60, 80), warmup=10, warmup_start=0.0)
    >>> [round(schedule(step), 3) for step in (0, 5, 10, 59, 60, 80)]
    [0.0, 0.5, 1.0, 1.0, 0.1, 0.01]
    """

    in_epochs: ClassVar[tuple[str, ...]] = ("milestones",)

    milestones: Annotated[tuple[float, ...], Field(min_length=1)]
    gamma: Annotated[float, Field(gt=0, le=1)] = 0.1

    def factor(self, step: int) -> float:
        """Return ``gamma`` to the power of the number of milestones reached."""
        return float(self.gamma ** sum(step >= milestone for milestone in self.milestones))


@dataclass(frozen=True, kw_only=True)
class Cosine(Schedule):
    """Half a cosine from 1 down to ``final``.

    Reference: Loshchilov and Hutter 2017, https://arxiv.org/abs/1608.03983, equation 5 without restarts.

    Args:
        final: factor at the end.

    >>> [round(Cosine(steps=100, final=0.1)(step), 3) for step in (0, 50, 100)]
    [1.0, 0.55, 0.1]
    """

    final: Annotated[float, Field(ge=0, le=1)] = 0.0

    def factor(self, step: int) -> float:
        """Return the cosine's value."""
        return self.final + (1 - self.final) * (0.5 * (1 + math.cos(math.pi * self.progress(step))))


@dataclass(frozen=True, kw_only=True)
class Poly(Schedule):
    """A polynomial from 1 down to ``final``: (1 − progress) to the power of ``power``.

    Reference: Chen et al. 2018, DeepLab, https://arxiv.org/abs/1606.00915, section 4.1.

    Args:
        power: exponent; 1 is a straight line.
        final: factor at the end.

    >>> [round(Poly(steps=100, power=1.0)(step), 3) for step in (0, 25, 100)]
    [1.0, 0.75, 0.0]
    """

    power: Annotated[float, Field(gt=0)] = 0.9
    final: Annotated[float, Field(ge=0, le=1)] = 0.0

    def factor(self, step: int) -> float:
        """Return the polynomial's value."""
        return self.final + (1 - self.final) * float((1 - self.progress(step)) ** self.power)
