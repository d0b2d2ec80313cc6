"""The training loop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Self

import numpy as np
import torch
from torch import Tensor

from hub.contract import Batch, Evaluation
from hub.contract.dataset import Dataset
from hub.engine.callbacks.callback import Callback, load_states, states_of
from hub.engine.checks import check_data
from hub.engine.config import Config
from hub.engine.distributed import World
from hub.engine.evaluation import evaluate
from hub.engine.loggers import Logger
from hub.engine.objective import Objective
from hub.engine.optim import Schedule
from hub.engine.reporter import Reporter
from hub.engine.run import Run
from hub.engine.setup import prepare
from hub.engine.signals import StopRequest, catch_stop
from hub.engine.state import TrainingState, pack, unpack
from hub.engine.stopping import save_and_stop
from hub.engine.strategy import Single, Strategy
from hub.engine.train_batches import Source, TrainBatches
from hub.engine.train_step import TrainStep
from hub.errors import ConfigError
from hub.model import Model
from hub.model.memory_format import channels_last


class Trainer:
    """Trains a model.

    What happens around the steps is up to callbacks; without any, nothing is evaluated or saved. See
    `hub.engine.callbacks` for ours, and `from_config` for the trainer that a config describes.

    Args:
        model: with heads; or its `Objective`, where losses have weights.
        train_data: a dataset, or several that alternate; a `Source` says how, and with which transforms.
        val_data: what `evaluate` uses, one dataset or several.
        optimizer: of the model's parameters; see `hub.engine.optim.parameter_groups` for the usual groups.
        schedule: factor of the learning rate at each step; its ``steps`` are the length of training.
        batch_size: images per step, over all processes.
        callbacks: called in this order; see `hub.engine.callbacks.Callback`.
        loggers: where losses and metrics are reported to.
        strategy: device and processes; default: one process, on the GPU where there is one.
        run: folder that callbacks and loggers write to, where they need one.
        precision: see `hub.precision.autocast`.
        clip: largest norm of the gradient.
        workers: loader processes.
        seed: of the order of images, augmentation and sampling.
        log_every: steps between two records of the losses.
        config: the config that all this comes from, for the record.

    Attributes:
        model: in training.
        eval_model: what is evaluated and exported: ``model``, or what a callback puts here.
        step: number of steps done.
        losses: of the last step, by ``head/name``, with their ``total``.
        evaluations: the last ones; empty on other ranks than 0.
        should_end: set by a callback to end training after this step or evaluation.

    Raises:
        DataError: the data have nothing that a head learns from, or is evaluated on.
        ConfigError: the batch does not divide among the processes.
    """

    def __init__(
        self,
        model: Model | Objective,
        train_data: Dataset | Sequence[Dataset | Source],
        val_data: Dataset | Sequence[Dataset] = (),
        *,
        optimizer: torch.optim.Optimizer,
        schedule: Schedule,
        batch_size: int = 16,
        callbacks: Sequence[Callback] = (),
        loggers: Sequence[Logger] = (),
        strategy: Strategy | None = None,
        run: Run | None = None,
        precision: str = "auto",
        clip: float | None = None,
        workers: int = 2,
        seed: int = 0,
        log_every: int = 20,
        config: Config | None = None,
    ) -> None:
        self.strategy = strategy or Single()
        if batch_size % self.world.size:
            raise ConfigError(
                f"a batch of {batch_size} images does not divide among {self.world.size} processes",
                fix="choose a multiple for train.batch",
            )
        self.objective = (model if isinstance(model, Objective) else Objective(model, {})).to(self.strategy.device)
        self.model = self.eval_model = self.objective.model
        channels_last(self.model)
        sources = [Source.of(one) for one in ([train_data] if isinstance(train_data, Dataset) else train_data)]
        self.train_data = [source.dataset for source in sources]
        self.val_data = [val_data] if isinstance(val_data, Dataset) else list(val_data)
        check_data(self.model, self.train_data, self.val_data)
        self.train_batches = TrainBatches(
            sources, self.model, batch_size=batch_size // self.world.size, seed=seed,
            rank=self.world.rank, world_size=self.world.size,
        )  # fmt: skip
        self.optimizer, self.schedule, self.total_steps = optimizer, schedule, schedule.steps
        self.callbacks = list(callbacks)
        self.run, self.config = run, config
        self.batch_size, self.workers, self.seed = batch_size, workers, seed
        self.precision, self.clip = precision, clip
        self.step, self.saved_step = 0, -1
        self.losses: dict[str, Tensor] = {}
        self.evaluations: dict[str, Evaluation] = {}
        self.should_end = False
        self._reporter = Reporter(loggers, self.strategy, batch_size=batch_size, every=log_every)

    @classmethod
    def from_config(
        cls,
        config: Config,
        run: Run,
        *,
        strategy: Strategy | None = None,
        callbacks: Sequence[Callback] = (),
        resume: TrainingState | None = None,
    ) -> Self:
        """Return the trainer that a config describes, with the callbacks and loggers of `hub train`.

        Args:
            config: of the run.
            run: folder to write to.
            strategy: device and processes; default: one process, on the GPU where there is one.
            callbacks: further ones, called after those of the config.
            resume: state to go on from, as `Run.resume` returns it; pretrained weights are not loaded then.

        Raises:
            HubError: whatever is wrong with the config, the data or the model.
        """
        strategy = strategy or Single()
        parts = prepare(config, strategy, pretrained=resume is None)
        train = config.train
        trainer = cls(
            parts.objective, parts.train_data, parts.val_data, optimizer=parts.optimizer, schedule=parts.schedule,
            batch_size=train.batch, callbacks=[*parts.callbacks, *callbacks], loggers=parts.loggers, strategy=strategy,
            run=run, precision=train.precision, clip=train.clip, workers=config.data.workers, seed=train.seed,
            log_every=train.log_every, config=config,
        )  # fmt: skip
        if resume is not None:
            trainer.load_state_dict(resume)
        return trainer

    @property
    def world(self) -> World:
        """This process among all."""
        return self.strategy.world

    def fit(self) -> dict[str, Evaluation]:
        """Train to the end and return the last metrics (on rank 0; empty where nothing was evaluated).

        Raises:
            NonFiniteLossError: the loss became NaN or infinite; the last good checkpoint stays.
            StoppedError: by Ctrl-C or SIGTERM, after the callbacks have saved.
        """
        with self._session() as stop:
            self._start()
            for batch in self._batches(stop):
                self._end_step(self._train_step(batch, self.step, stop=stop))
            self._call("on_fit_end")
        return self.evaluations

    def evaluate(self) -> dict[str, Evaluation]:
        """Evaluate ``eval_model`` on the validation data now; callbacks and loggers get the metrics.

        Returns:
            Head → metrics on rank 0, nothing on the others.
        """
        self.strategy.synchronize(self.eval_model)
        self.evaluations = evaluate(
            self.eval_model,
            self.val_data,
            world=self.world,
            batch=max(1, self.batch_size // self.world.size),
            workers=self.workers,
            precision=self.precision,
        )
        self._reporter.evaluation(self.step, self.evaluations)
        for callback in self.callbacks:
            callback.on_evaluation_end(self, self.evaluations)
        (self.should_end,) = self.world.any(self.should_end)  # rank 0 decides, and nobody goes on before it has written
        self._reporter.pause()
        return self.evaluations

    def checkpoint(self) -> None:
        """Let callbacks save the state, unless this step is saved; without `Checkpoints` nothing is saved."""
        if self.saved_step != self.step:
            self._call("on_checkpoint")

    def log_image(self, name: str, image: np.ndarray) -> None:
        """Send a picture, (H, W, 3) uint8 RGB, to the loggers."""
        self._reporter.image(self.step, name, image)

    def require_run(self) -> Run:
        """Return the folder of the run.

        Raises:
            ConfigError: there is none.
        """
        if self.run is None:
            raise ConfigError("a callback writes files, but the trainer has no folder", fix="pass run=Run('runs/mine')")
        return self.run

    def state_dict(self) -> TrainingState:
        """Return everything that training needs to go on exactly; every process must call this."""
        states = states_of(self.callbacks)
        return pack(self.objective, self.optimizer, self.strategy, step=self.step, callbacks=states, config=self.config)

    def load_state_dict(self, state: TrainingState) -> None:
        """Go on from a state.

        Raises:
            CheckpointMismatchError: it belongs to another model or optimizer.
        """
        unpack(state, self.objective, self.optimizer, source=self.run.state if self.run else "the state")
        self.step = self.saved_step = state["step"]
        load_states(self.callbacks, state["callbacks"])

    @contextmanager
    def _session(self) -> Iterator[StopRequest]:
        """Catch signals, tell callbacks about errors, and close the loggers at the end."""
        failed: BaseException | None = None
        with catch_stop() as stop:
            try:
                yield stop
            except BaseException as error:
                failed = error
                for callback in self.callbacks:
                    callback.on_exception(self, error)
                raise
            finally:
                self._reporter.close(failed)

    def _start(self) -> None:
        self.model.train()
        self._call("on_fit_start")
        self._train_step = TrainStep(
            self.objective, self.optimizer, self.schedule, self.strategy,
            # A head's contract is one graph for every batch; with datasets that alternate the graph changes.
            static_graph=len(self.train_data) == 1,
            precision=self.precision, clip=self.clip, seed=self.seed, state=self.run.state if self.run else None,
        )  # fmt: skip
        self._reporter.start(self, self.config.to_yaml() if self.config else "")
        if self.step:
            self._call("on_resume")

    def _batches(self, stop: StopRequest) -> Iterator[Batch]:
        """Yield the batches of the steps that are left."""
        batches = self.train_batches.batches(self.step, workers=self.workers, device=self.strategy.device)
        while self.step < self.total_steps and not self.should_end:
            with self._reporter.waiting():
                try:
                    batch = next(batches)
                except RuntimeError as error:
                    if not stop:
                        raise
                    raise save_and_stop(self) from error  # a scheduler signalled the workers, too
            yield batch

    def _end_step(self, result: tuple[dict[str, Tensor], bool]) -> None:
        """Count a step, report it, and let the callbacks do what is due."""
        self.losses, stopping = result
        self.step += 1
        self._reporter.step(self)
        self._call("on_step_end")
        if stopping and self.step < self.total_steps and not self.should_end:
            raise save_and_stop(self)

    def _call(self, moment: str) -> None:
        for callback in self.callbacks:
            getattr(callback, moment)(self)
