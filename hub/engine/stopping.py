"""Stop training on request, with everything saved."""

from __future__ import annotations

from hub.engine.training import Training
from hub.errors import StoppedError


def save_and_stop(training: Training) -> StoppedError:
    """Save, and return the error, whose message explains how to resume."""
    training.checkpoint()
    done = f"stopped after step {training.step} of {training.total_steps}"
    if training.run is None or training.saved_step != training.step:
        return StoppedError(f"{done}; nothing was saved", fix="add the callback Checkpoints")
    folder = training.run.folder
    return StoppedError(f"{done}; everything is saved in {folder}", fix=f"go on with `hub train {folder} --resume`")
