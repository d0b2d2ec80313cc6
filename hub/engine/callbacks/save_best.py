"""Keeping the best model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import cast

from hub.contract import Evaluation
from hub.engine.callbacks.callback import Callback
from hub.engine.callbacks.evaluate import main_score
from hub.engine.state import State
from hub.engine.training import Training
from hub.weights import save


class SaveBest(Callback):
    """Write ``best.safetensors`` after each evaluation whose main metric is better than all before.

    With several heads the mean of their main metrics counts; see `main_score`.
    """

    def __init__(self) -> None:
        self.best = -math.inf

    def on_evaluation_end(self, trainer: Training, evaluations: Mapping[str, Evaluation]) -> None:
        """Save the model where it is the best so far."""
        if not trainer.world.is_main:
            return
        score = main_score(evaluations)
        if score > self.best:
            self.best = score
            metrics = {head: e.metrics for head, e in evaluations.items()}
            save(trainer.eval_model, trainer.require_run().best, step=trainer.step, main=score, metrics=metrics)

    def state_dict(self) -> State:
        """Return the best score."""
        return {"best": self.best}

    def load_state_dict(self, state: State) -> None:
        """Take the best score."""
        self.best = cast(float, state["best"])
