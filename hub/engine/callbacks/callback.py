"""What can be hooked into training, and when."""

from __future__ import annotations

from collections.abc import Mapping

from hub.contract import Evaluation
from hub.engine.state import State
from hub.engine.training import Training


class Callback:
    """Base of the callbacks; override the moments that matter and leave the others.

    Callbacks are called in their order in the list, in every process. What is written or printed belongs in
    ``if trainer.world.is_main:``; what communicates between processes does not.

    A callback whose state must survive a stop returns it from `state_dict`: the state is saved with each checkpoint and
    given to `load_state_dict` before `on_fit_start` when the run is resumed.

    >>> class CountSteps(Callback):
    ...     steps = 0
    ...     def on_step_end(self, trainer):
    ...         self.steps += 1
    """

    def on_fit_start(self, trainer: Training) -> None:
        """Training is about to start, or to go on from a checkpoint: ``trainer.step`` steps are done."""

    def on_resume(self, trainer: Training) -> None:
        """Training goes on from a checkpoint; called after `on_fit_start`.

        The process may have ended right after the checkpoint was written: repeat here what follows a checkpoint, such
        as an evaluation. It must not matter if it is done twice.
        """

    def on_step_end(self, trainer: Training) -> None:
        """A step is done and counted in ``trainer.step``; its losses are in ``trainer.losses``."""

    def on_evaluation_end(self, trainer: Training, evaluations: Mapping[str, Evaluation]) -> None:
        """The model was evaluated.

        Args:
            trainer: whose ``eval_model`` was evaluated.
            evaluations: head → its metrics on rank 0; empty in other processes.
        """

    def on_checkpoint(self, trainer: Training) -> None:
        """The state is to be saved. `Checkpoints` does it here; callbacks after it find the files written."""

    def on_fit_end(self, trainer: Training) -> None:
        """Training has ended as planned, after the last evaluation."""

    def on_exception(self, trainer: Training, error: BaseException) -> None:
        """Training ends with an error; it is raised again afterwards."""

    def state_dict(self) -> State:
        """Return what must survive a stop: tensors and plain values."""
        return {}

    def load_state_dict(self, state: State) -> None:
        """Take back what `state_dict` returned."""


def states_of(callbacks: list[Callback]) -> dict[str, State]:
    """Return class name → state, where there is any; a class's second callback is called ``Name-2``."""
    return {name: state for name, callback in _named(callbacks).items() if (state := callback.state_dict())}


def load_states(callbacks: list[Callback], states: Mapping[str, State]) -> None:
    """Give each callback the state that `states_of` saved for it; what has none keeps its own."""
    for name, callback in _named(callbacks).items():
        if name in states:
            callback.load_state_dict(states[name])


def _named(callbacks: list[Callback]) -> dict[str, Callback]:
    named: dict[str, Callback] = {}
    for callback in callbacks:
        base, number = type(callback).__name__, 1
        while (name := base if number == 1 else f"{base}-{number}") in named:
            number += 1
        named[name] = callback
    return named
