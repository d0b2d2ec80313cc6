"""An exponential moving average of the weights, evaluated and exported instead of the last weights."""

from __future__ import annotations

from typing import cast

from timm.utils import ModelEmaV3
from torch import Tensor

from hub.engine.callbacks.callback import Callback
from hub.engine.state import State
from hub.engine.training import Training
from hub.model import Model


class EMA(Callback):
    """Keep a moving average of the weights in a copy of the model, and evaluate that copy.

    The decay of a step is 1 − steps^(−2/3), at most ``decay``: it increases during training, because the first weights
    are far from the final ones.

    Reference: Polyak and Juditsky 1992, Acceleration of stochastic approximation by averaging; the warm-up of the decay
    is that of timm's ``ModelEmaV3``.

    Args:
        decay: maximum fraction of the average that a step keeps.
    """

    def __init__(self, decay: float = 0.9999) -> None:
        self.decay = decay
        self._average: ModelEmaV3 | None = None
        self._loaded: dict[str, Tensor] | None = None

    def on_fit_start(self, trainer: Training) -> None:
        """Copy the model, or load the average of a checkpoint."""
        if self._average is None:
            self._average = moving_average(trainer.model, self.decay)
        if self._loaded is not None:
            self._average.module.load_state_dict(self._loaded)
            self._loaded = None
        trainer.eval_model = cast(Model, self._average.module)

    def on_step_end(self, trainer: Training) -> None:
        """Update the average."""
        assert self._average is not None
        self._average.update(trainer.model, trainer.step)

    def state_dict(self) -> State:
        """Return the averaged weights."""
        return {} if self._average is None else {"model": self._average.module.state_dict()}

    def load_state_dict(self, state: State) -> None:
        """Keep the weights until training starts."""
        self._loaded = cast("dict[str, Tensor]", state["model"])


def moving_average(model: Model, decay: float) -> ModelEmaV3:
    """Return an object with a copy of the model, ``module``, and ``update(model, steps)`` to average its weights.

    >>> import hub
    >>> model = hub.create("classification/resnet18", labels=["cat", "dog"])
    >>> average = moving_average(model, 0.5)
    >>> bias = model.heads["classification"].predictor.bias
    >>> for steps_done in (1, 2, 3):
    ...     _ = bias.data.fill_(steps_done)
    ...     average.update(model, steps_done)
    >>> [round(value, 3) for value in average.module.heads["classification"].predictor.bias.tolist()]
    [2.315, 2.315]
    """
    return ModelEmaV3(model, decay=decay, use_warmup=True)
