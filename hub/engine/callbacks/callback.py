"""The interface of callbacks."""

from __future__ import annotations

from collections.abc import Mapping

from hub.contract import Evaluation
from hub.engine.state import State
from hub.engine.training import Training


class Callback:
    """Base of the callbacks; override the methods that you need.

    Callbacks are called in the order of the list, in every process. Write or print only inside
    ``if trainer.world.is_main:``; communicate between processes only outside it.

    A callback with a state returns it from `state_dict`: the state is saved with each checkpoint, and passed to
    `load_state_dict` before `on_fit_start` when the run is resumed.

    >>> class CountSteps(Callback):
    ...     steps = 0
    ...     def on_step_end(self, trainer):
    ...         self.steps += 1
    """

    def on_fit_start(self, trainer: Training) -> None:
        """Called before training starts or resumes; ``trainer.step`` steps are done."""

    def on_resume(self, trainer: Training) -> None:
        """Called after `on_fit_start` when training resumes from a checkpoint.

        The process may have ended right after the checkpoint was written: repeat here what follows a checkpoint, such
        as an evaluation. Doing it twice must be harmless.
        """

    def on_step_end(self, trainer: Training) -> None:
        """Called after each step; ``trainer.step`` counts it, and its losses are in ``trainer.losses``."""

    def on_evaluation_end(self, trainer: Training, evaluations: Mapping[str, Evaluation]) -> None:
        """Called after each evaluation.

        Args:
            trainer: the trainer; its ``eval_model`` was evaluated.
            evaluations: head → its metrics on rank 0; empty in other processes.
        """

    def on_checkpoint(self, trainer: Training) -> None:
        """Called to save the state. `Checkpoints` writes it here, before the callbacks that follow it in the list."""

    def on_fit_end(self, trainer: Training) -> None:
        """Called after training has ended normally, after the last evaluation."""

    def on_exception(self, trainer: Training, error: BaseException) -> None:
        """Called when training ends with an error, which is then raised again."""

    def state_dict(self) -> State:
        """Return the state to save: tensors and plain values."""
        return {}

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` returned."""


def states_of(callbacks: list[Callback]) -> dict[str, State]:
    """Return class name → state of the callbacks with a state; the second of a class is called ``Name-2``."""
    return {name: state for name, callback in _named(callbacks).items() if (state := callback.state_dict())}


def load_states(callbacks: list[Callback], states: Mapping[str, State]) -> None:
    """Load the states that `states_of` returned; a callback without a saved state is not changed."""
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
