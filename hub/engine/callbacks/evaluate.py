"""Evaluate every few steps."""

from __future__ import annotations

import math
from collections.abc import Mapping

from hub.contract import Evaluation
from hub.engine.callbacks.callback import Callback
from hub.engine.evaluation import write_evaluations
from hub.engine.training import Training


class Evaluate(Callback):
    """Evaluate every few steps and after the last; ``evaluation.json`` and the reports go into the folder of the run.

    A run that is resumed at such a step is evaluated again: the process may have ended before the evaluation was done.

    Args:
        every: steps between two evaluations; None evaluates once, at the end.
    """

    def __init__(self, every: int | None = None) -> None:
        self.every = every

    def on_resume(self, trainer: Training) -> None:
        """Evaluate if the checkpoint was written for an evaluation."""
        if self._due(trainer):
            trainer.evaluate()

    def on_step_end(self, trainer: Training) -> None:
        """Save, then evaluate, so that no step is lost if the evaluation fails."""
        if self._due(trainer):
            trainer.checkpoint()
            trainer.evaluate()

    def on_evaluation_end(self, trainer: Training, evaluations: Mapping[str, Evaluation]) -> None:
        """Write the metrics and reports."""
        run = trainer.run
        if run is not None and trainer.world.is_main:
            write_evaluations(evaluations, run.evaluation, run.reports, step=trainer.step)

    def _due(self, trainer: Training) -> bool:
        last = trainer.step == trainer.total_steps
        return last or (self.every is not None and trainer.step % self.every == 0)


def main_score(evaluations: Mapping[str, Evaluation]) -> float:
    """Return the mean of the heads' main metrics, leaving out undefined ones; NaN where none is defined.

    >>> main_score({"a": Evaluation({"AP": 0.5}, main="AP"), "b": Evaluation({"mIoU": float("nan")}, main="mIoU")})
    0.5
    """
    defined = [value for e in evaluations.values() if math.isfinite(value := e.metrics[e.main])]
    return sum(defined) / len(defined) if defined else math.nan
