"""A moving average of the weights, to score and save in place of the last ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from timm.utils import ModelEmaV3

from hub.model import Model


def moving_average(model: Model, decay: float, state: Mapping[str, Any] | None) -> ModelEmaV3:
    """A copy of the model, ``module``, that follows it at each ``update(model, steps done)``.

    A step keeps 1 − steps^(−2/3) of the average, at most ``decay``: it begins short and lengthens, since the first
    weights are not worth remembering.

    Reference: Polyak and Juditsky 1992, Acceleration of stochastic approximation by averaging; the lengthening is
    that of timm's ``ModelEmaV3``.

    Args:
        model: as it is now.
        decay: share of the average that a step keeps.
        state: of the average in a checkpoint, to go on from there; None begins with the model's weights.

    >>> import hub
    >>> model = hub.create("classification/resnet18", labels=["cat", "dog"])
    >>> average = moving_average(model, 0.5, None)
    >>> bias = model.heads["classification"].predictor.bias
    >>> for steps_done in (1, 2, 3):
    ...     _ = bias.data.fill_(steps_done)
    ...     average.update(model, steps_done)
    >>> [round(value, 3) for value in average.module.heads["classification"].predictor.bias.tolist()]
    [2.315, 2.315]
    """
    average = ModelEmaV3(model, decay=decay, use_warmup=True)
    if state is not None:
        average.module.load_state_dict(state)
    return average
