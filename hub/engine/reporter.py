"""Report the progress of training to loggers."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager

import numpy as np

from hub.contract import Evaluation
from hub.engine.loggers import Logger, Loggers, RunInfo, StepRecord
from hub.engine.meter import SpeedMeter
from hub.engine.strategy import Strategy
from hub.engine.training import Training
from hub.precision import precision_name

log = logging.getLogger("hub")


class Reporter:
    """Passes losses, metrics and images to loggers on rank 0, and measures the speed.

    Args:
        loggers: the loggers.
        strategy: averages losses over processes.
        batch_size: images per step, over all processes.
        every: steps between two records of the losses.
    """

    def __init__(self, loggers: Sequence[Logger], strategy: Strategy, *, batch_size: int, every: int) -> None:
        self.loggers = Loggers(loggers if strategy.world.is_main else ())
        self.strategy, self.batch_size, self.every = strategy, batch_size, every
        self._meter = SpeedMeter()

    def start(self, training: Training, config: str) -> None:
        """Log the setup, and start the loggers.

        Args:
            training: the trainer.
            config: YAML text of the config, or empty.
        """
        if self.strategy.world.is_main:
            self._log_setup(training)
            self.loggers.start(
                RunInfo(
                    name=training.run.folder.name if training.run else training.model.recipe.name,
                    folder=training.run.folder if training.run else None,
                    config=config,
                    first_step=training.step,
                    total_steps=training.total_steps,
                )
            )
        self._meter.reset()

    def waiting(self) -> AbstractContextManager[None]:
        """Return a context whose time counts as waiting for data."""
        return self._meter.waiting()

    def step(self, training: Training) -> None:
        """Report a step that is done; every process must call this."""
        step = training.step
        self._meter.add(self.batch_size)
        self.loggers.progress(step)
        if step % self.every and step != training.total_steps:
            return
        losses = self.strategy.mean(training.losses)
        losses |= {f"weight/{head}": weight for head, weight in training.objective.learned().items()}
        speed, waiting = self._meter.read()
        lr = max(group["lr"] for group in training.optimizer.param_groups)
        self.loggers.log_step(StepRecord(step, losses, lr=lr, images_per_second=speed, waiting=waiting))

    def evaluation(self, step: int, evaluations: Mapping[str, Evaluation]) -> None:
        """Report metrics."""
        self.loggers.log_evaluation(step, evaluations)

    def image(self, step: int, name: str, image: np.ndarray) -> None:
        """Report an image, (H, W, 3) uint8 RGB."""
        self.loggers.log_image(step, name, image)

    def pause(self) -> None:
        """Exclude the time since the last step, because evaluation is not training time."""
        self._meter.reset()

    def close(self, error: BaseException | None) -> None:
        """Close the loggers."""
        self.loggers.close(error)

    def _log_setup(self, training: Training) -> None:
        if training.run is not None:
            log.info("run folder %s", training.run.folder)
        if training.step:
            log.info("resuming at step %d of %d", training.step, training.total_steps)
        log.info("trunk: %s", training.model.trunk.provenance)
        for purpose, datasets in (("train", training.train_data), ("evaluate", training.val_data)):
            for data in datasets:
                log.info("data: %d images of %s to %s on", len(data), data.name, purpose)
        world, kind = self.strategy.world, precision_name(self.strategy.device, training.precision)
        log.info("%d steps on %d × %s in %s", training.total_steps, world.size, world.device, kind)
