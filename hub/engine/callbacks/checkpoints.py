"""Save the training state and the model."""

from __future__ import annotations

from pathlib import Path

from hub.engine.callbacks.callback import Callback
from hub.engine.state import save_state
from hub.engine.training import Training
from hub.errors import CheckpointError, DataError, NonFiniteLossError, StoppedError
from hub.weights import read_header, save


class Checkpoints(Callback):
    """Write ``last.pt``, to resume from, and ``last.safetensors``, the model, to the folder of the run.

    They are also written before each evaluation, and when training is stopped or fails: no completed step is lost.

    Args:
        every: steps between two checkpoints.
    """

    def __init__(self, every: int = 500) -> None:
        self.every = every

    def on_step_end(self, trainer: Training) -> None:
        """Save every few steps and after the last."""
        if trainer.step % self.every == 0 or trainer.step == trainer.total_steps:
            trainer.checkpoint()

    def on_resume(self, trainer: Training) -> None:
        """Write ``last.safetensors`` if the process ended before it was written."""
        last = trainer.require_run().last
        if trainer.world.is_main and _step_of(last) != trainer.step:
            save(trainer.eval_model, last, step=trainer.step)

    def on_checkpoint(self, trainer: Training) -> None:
        """Write both files.

        Raises:
            NonFiniteLossError: the weights are not finite; the last good checkpoint stays.
            SaveError: see `hub.files.write_atomic`; the previous files stay.
        """
        run = trainer.require_run()
        content = trainer.state_dict()
        if trainer.world.is_main:
            if not all(bool(t.isfinite().all()) for t in trainer.model.state_dict().values()):
                raise NonFiniteLossError(
                    f"weights became NaN or infinite before step {trainer.step}; the last good checkpoint stays",
                    fix="lower train.lr, lengthen train.warmup, or set train.clip",
                )
            save_state(run.state, content)
            save(trainer.eval_model, run.last, step=trainer.step)
        trainer.saved_step = trainer.step

    def on_exception(self, trainer: Training, error: BaseException) -> None:
        """Save the completed steps, unless the error has changed the weights."""
        if isinstance(error, (DataError, StoppedError)):
            trainer.checkpoint()


def _step_of(path: Path) -> int | None:
    try:
        step = read_header(path)["notes"].get("step")
    except (CheckpointError, KeyError):
        return None
    return step if isinstance(step, int) else None
