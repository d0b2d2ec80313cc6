"""One optimization step."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from hub.contract import Batch
from hub.engine.objective import Objective
from hub.engine.optim import Schedule, set_lr
from hub.engine.signals import StopRequest
from hub.engine.strategy import Strategy
from hub.errors import NonFiniteLossError
from hub.precision import autocast
from hub.seeds import derive_seed


class TrainStep:
    """Forward pass, backward pass and update of the weights for one batch.

    Args:
        objective: on its device.
        optimizer: of its parameters.
        schedule: factor of the learning rate at each step.
        strategy: how processes work together.
        static_graph: whether every batch trains the same heads.
        precision: see `hub.precision.autocast`.
        clip: largest norm of the gradient, or None.
        seed: of the run.
        state: file that holds the last good state, for the message of `NonFiniteLossError`.
    """

    def __init__(
        self,
        objective: Objective,
        optimizer: torch.optim.Optimizer,
        schedule: Schedule,
        strategy: Strategy,
        *,
        static_graph: bool,
        precision: str,
        clip: float | None,
        seed: int,
        state: Path | None,
    ) -> None:
        self.objective, self.optimizer, self.schedule, self.strategy = objective, optimizer, schedule, strategy
        self.precision, self.clip, self.seed, self.state = precision, clip, seed, state
        self._forward = strategy.wrap(objective, static_graph=static_graph)

    def __call__(self, batch: Batch, step: int, *, stop: StopRequest) -> tuple[dict[str, Tensor], bool]:
        """Make one step.

        Args:
            batch: of this process.
            step: steps done.
            stop: whether this process was asked to stop; read after the forward pass.

        Returns:
            Losses by ``head/name`` with their ``total``, and whether any process was asked to stop.

        Raises:
            NonFiniteLossError: the loss is NaN or infinite in some process; the weights are as before.
        """
        world = self.strategy.world
        # Sampled anchors and dropout are a function of (seed, step, rank): a resumed run draws the same ones.
        torch.manual_seed(derive_seed(self.seed, "step", step, world.rank))
        set_lr(self.optimizer, self.schedule(step))
        batch = batch.to(world.device, non_blocking=True)
        with autocast(world.device, self.precision):
            total, losses = self._forward(batch)
        bad = not bool(total.isfinite())
        any_bad, stopping = world.any(bad, bool(stop))
        if any_bad:
            self._fail(batch if bad else None, losses, step)
        self.optimizer.zero_grad(set_to_none=True)
        self.strategy.backward(total)
        if self.clip is not None:
            self.strategy.clip(self.objective.model.parameters(), self.clip)
        self.optimizer.step()
        return {"total": total.detach(), **{name: loss.detach() for name, loss in losses.items()}}, stopping

    def _fail(self, batch: Batch | None, losses: dict[str, Tensor], step: int) -> None:
        world, saved = self.strategy.world, self.state
        ids = [i for part in world.gather(list(batch.ids) if batch is not None else []) for i in part]
        which = ", ".join(name for name, loss in losses.items() if not bool(loss.isfinite())) or "in another process"
        kept = f"{saved} holds the last good state" if saved and saved.exists() else "nothing was saved yet"
        raise NonFiniteLossError(
            f"the loss became NaN or infinite at step {step + 1} ({which}), on the images {ids}; {kept}",
            fix="look at these images and their boxes; lower train.lr, lengthen train.warmup, or set train.clip",
        )
