"""Save the best model."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import cast

from hub.contract import Evaluation
from hub.engine.callbacks.callback import Callback
from hub.engine.callbacks.evaluate import main_score
from hub.engine.state import State
from hub.engine.training import Training
from hub.weights import save

log = logging.getLogger("hub")


class SaveBest(Callback):
    """Write ``best.safetensors`` after each evaluation whose main metric is at least that of all before.

    With several heads this is the mean of their main metrics; see `main_score`. Of equally good weights the later ones
    are kept. As long as no main metric is defined, as without a single object in the validation data, the latest
    weights are kept, with a warning.
    """

    def __init__(self) -> None:
        self.best = -math.inf

    def on_evaluation_end(self, trainer: Training, evaluations: Mapping[str, Evaluation]) -> None:
        """Save the model if it is the best so far."""
        if not trainer.world.is_main:
            return
        score = main_score(evaluations)
        undefined = math.isnan(score)
        if undefined and self.best == -math.inf:
            log.warning("no main metric is defined, so best.safetensors holds the latest weights, not the best")
        elif undefined or score < self.best:
            return
        else:
            self.best = score
        metrics = {head: e.metrics for head, e in evaluations.items()}
        main = None if undefined else score
        save(trainer.eval_model, trainer.require_run().best, step=trainer.step, main=main, metrics=metrics)

    def state_dict(self) -> State:
        """Return the best score."""
        return {"best": self.best}

    def load_state_dict(self, state: State) -> None:
        """Restore the best score."""
        self.best = cast(float, state["best"])
