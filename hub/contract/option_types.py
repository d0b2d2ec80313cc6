"""Types of options that many parts of the hub share; pydantic has PositiveInt, PositiveFloat and NonNegativeFloat."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Fraction = Annotated[float, Field(ge=0, le=1)]
"""From 0 to 1, both included."""

PositiveFraction = Annotated[float, Field(gt=0, le=1)]
"""Above 0, at most 1."""

FractionBelowOne = Annotated[float, Field(ge=0, lt=1)]
"""From 0, below 1, such as a dropout rate."""

Probability = Fraction
"""A probability, from 0 to 1."""
