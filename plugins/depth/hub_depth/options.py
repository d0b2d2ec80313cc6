"""The options of the head."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from hub import Options
from hub.errors import did_you_mean
from hub_depth.losses import LOSSES

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class DepthOptions(Options):
    """Options of `Depth`.

    Attributes:
        from_levels: pyramid levels that are fused, in any order; the prediction has the resolution of the finest.
        width: channels while they are.
        loss: name of a loss → its weight: silog, l1, log_l1, berhu, gradient.
        variance: λ of silog: at 1 a factor common to a whole image costs nothing, at 0 silog is the squared log error.
        typical: the depth, in the unit of the data, that a head predicts before training. Near the
            middle of the data's, it saves the steps that finding the unit would take.
    """

    from_levels: Annotated[tuple[str, ...], Field(min_length=1)] = ("p2", "p3", "p4", "p5")
    width: Annotated[int, Field(gt=0)] = 128
    loss: dict[str, Positive] = Field(default_factory=lambda: {"silog": 1.0, "gradient": 0.25}, min_length=1)
    variance: Annotated[float, Field(ge=0, le=1)] = 0.5
    typical: Positive = 3.0

    @field_validator("loss")
    @classmethod
    def _known(cls, value: dict[str, float]) -> dict[str, float]:
        for name in value:
            if name not in LOSSES:
                raise ValueError(
                    f"there is no loss {name!r}.{did_you_mean(name, LOSSES)} Choose one of {', '.join(LOSSES)}"
                )
        return value
