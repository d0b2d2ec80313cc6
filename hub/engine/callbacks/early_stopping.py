"""Early stopping."""

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

log = logging.getLogger("hub")


class EarlyStopping(Callback):
    """End training after a number of evaluations in a row without a better main metric.

    Args:
        patience: number of evaluations without an improvement.
        min_delta: minimum increase of the metric that counts as an improvement.
    """

    def __init__(self, patience: int, *, min_delta: float = 0.0) -> None:
        self.patience, self.min_delta = patience, min_delta
        self.best, self.waited = -math.inf, 0

    def on_evaluation_end(self, trainer: Training, evaluations: Mapping[str, Evaluation]) -> None:
        """Count evaluations without an improvement, and end training after ``patience`` of them."""
        if not trainer.world.is_main:
            return
        score = main_score(evaluations)
        if math.isnan(score):  # nothing to compare: the validation data have no truth for it
            return
        if score > self.best + self.min_delta:
            self.best, self.waited = score, 0
            return
        self.waited += 1
        if self.waited >= self.patience and trainer.step < trainer.total_steps:
            trainer.should_end = True
            log.info(
                "training ends at step %d: the main metric has not improved in the last %d evaluations",
                trainer.step,
                self.waited,
            )

    def state_dict(self) -> State:
        """Return the best score and the count."""
        return {"best": self.best, "waited": self.waited}

    def load_state_dict(self, state: State) -> None:
        """Restore the best score and the count."""
        self.best, self.waited = cast(float, state["best"]), cast(int, state["waited"])
