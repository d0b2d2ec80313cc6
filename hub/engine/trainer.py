"""The training loop."""

from __future__ import annotations

import logging
import math
import time
import warnings
from typing import Any

import torch
from torch import nn

from hub.contract import Batch, Evaluation
from hub.engine.average import moving_average
from hub.engine.build import build_model, training_transform
from hub.engine.config import Config
from hub.engine.distributed import World
from hub.engine.evaluate import check_labels, evaluate, scored_on, write_evaluations
from hub.engine.events import Events
from hub.engine.objective import Objective
from hub.engine.optim import REFERENCE_BATCH, Schedule, make_optimizer, scaled_lr, set_lr
from hub.engine.run import Run
from hub.engine.showcase import draw_predictions
from hub.engine.signals import StopRequest, catch_stop
from hub.engine.state import restore, save_state
from hub.engine.train_batches import TrainBatches, has_targets_for, open_sources
from hub.errors import ConfigError, DataError, NonFiniteLossError, StoppedError
from hub.model import Model
from hub.model.memory_format import channels_last
from hub.precision import autocast
from hub.seeds import derive_seed
from hub.weights import read_header, save, transfer

log = logging.getLogger("hub")


class Trainer:
    """Trains the model of a config, and can go on where another process stopped.

    Args:
        config: what to do.
        run: where to write.
        world: this process among all.
        resume: what `Run.resume` read, to go on from there; then no other weights are looked for.

    Raises:
        HubError: whatever is wrong with the config, the data or the model, before the first step.
    """

    def __init__(self, config: Config, run: Run, world: World, *, resume: dict[str, Any] | None = None) -> None:
        self.config, self.run, self.world = config, run, world
        c = config.train
        if c.batch % world.size:
            raise ConfigError(
                f"train.batch={c.batch} does not divide among {world.size} processes", fix="choose a multiple"
            )
        if config.model.norm == "sync" and world.size > 1 and world.device.type != "cuda":
            raise ConfigError("model.norm: sync needs GPUs", fix="use norm: group on CPUs")
        if not world.is_main:
            world.barrier()  # rank 0 may generate or index data that the others then find
        sources = open_sources(config.data.train, root=config.data.root, where="data.train")
        held_out = open_sources(config.data.val, root=config.data.root, where="data.val")
        if world.is_main:
            world.barrier()
        self.train_data = [source.dataset for source in sources]
        self.val_data = [source.dataset for source in held_out]
        torch.manual_seed(c.seed)  # the same start in every process
        self.model = build_model(config, self.train_data, pretrained=resume is None)
        self._check_data()
        if config.model.weights is not None and resume is None:
            log.info("weights from %s:\n%s", config.model.weights, transfer(self.model, config.model.weights))
        channels_last(self.model.to(world.device))
        self.objective = Objective(self.model, c.loss_weights).to(world.device)
        self.optimizer = make_optimizer(self.objective, c)
        self.step, self.best = 0, -math.inf
        if resume is not None:
            self.step = restore(resume, self.objective, self.optimizer, source=run.state)
            if run.best.exists():
                self.best = read_header(run.best)["notes"]["main"]
        self.average = None if c.ema is None else moving_average(self.model, c.ema, (resume or {}).get("average"))
        shared = config.data.transforms
        self.train_batches = TrainBatches(
            sources,
            self.model,
            [training_transform(s.transforms if s.transforms is not None else shared, self.model) for s in sources],
            batch_size=c.batch // world.size,
            seed=c.seed,
            rank=world.rank,
            world_size=world.size,
        )
        per_epoch = self.train_batches.steps_per_epoch
        unit = per_epoch if c.epochs is not None else 1
        self.total = c.steps if c.steps is not None else max(1, round((c.epochs or 0) * per_epoch))
        self.evaluate_every = max(1, round(c.evaluate_every * unit))
        self.schedule = Schedule(
            total=self.total,
            kind=c.schedule,
            milestones=tuple(round(m * unit) for m in c.milestones),
            gamma=c.gamma,
            warmup=c.warmup,
            warmup_start=c.warmup_start,
        )

    @property
    def scored(self) -> Model:
        """The model that is evaluated and exported: the moving average where there is one."""
        return self.model if self.average is None else self.average.module

    def _check_data(self) -> None:
        """Refuse what the heads cannot learn from or be scored on, before the first step."""
        for data, names in scored_on(self.model, self.val_data):
            for name, head in self.model.items():
                if name in names:
                    check_labels(name, head, data)
                    head.check_dataset(data)
        for data in self.train_data:
            for _, head in self.model.items():
                if len(self.train_data) == 1 or has_targets_for(head, data):
                    head.check_dataset(data)

    def fit(self) -> dict[str, Evaluation]:
        """Train to the end and return the last metrics (on rank 0).

        Raises:
            NonFiniteLossError: the loss became NaN or infinite; the last good checkpoint stays.
            StoppedError: by a signal; a checkpoint was written first.
        """
        c = self.config.train
        self._log_setup()
        parallel: nn.Module = self.objective
        if self.world.size > 1:
            # For 1×1 kernels both memory formats are the same, yet DDP warns that their strides differ.
            warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
            # A head's contract is one graph for every batch; parts of the trunk that no head reads stay out of it.
            # Where datasets take turns the graph changes with them.
            one = len(self.train_data) == 1
            parallel = nn.parallel.DistributedDataParallel(
                self.objective, static_graph=one, find_unused_parameters=not one
            )
        evaluations: dict[str, Evaluation] | None = None
        self.model.train()
        waited, began = 0.0, time.perf_counter()
        with (
            Events(self.run, total=self.total, start=self.step, active=self.world.is_main) as events,
            catch_stop() as stop,
        ):
            batches = self.train_batches.batches(self.step, workers=self.config.data.workers, device=self.world.device)
            while self.step < self.total:
                asked = time.perf_counter()
                try:
                    batch = next(batches)
                except DataError:
                    self._save()  # a broken file costs no step that is done
                    raise
                except RuntimeError as error:
                    if not stop:
                        raise
                    raise self._stopped() from error  # a scheduler signalled the workers, too
                waited += time.perf_counter() - asked
                losses, stopping = self._step(parallel, batch, stop)
                self.step += 1
                step = self.step
                events.tick(step)
                if step % c.log_every == 0 or step == self.total:
                    now = time.perf_counter()
                    values = {name: float(loss) for name, loss in losses.items()}
                    values |= {f"weight/{head}": weight for head, weight in self.objective.learned().items()}
                    events.step(step, values, lr=self._lr(step - 1), images=c.batch, waiting=waited / (now - began))
                    waited, began = 0.0, now
                if step % self.evaluate_every == 0 or step == self.total:
                    self._save()  # first: whatever evaluation meets, the steps are safe
                    evaluations = self._evaluate()
                    events.evaluation(step, evaluations)
                    waited, began = 0.0, time.perf_counter()
                elif step % c.checkpoint_every == 0:
                    self._save()
                if stopping and step < self.total:
                    raise self._stopped()
        if evaluations is None:  # resumed at the very end
            evaluations = self._evaluate()
        if self.world.is_main:
            draw_predictions(self.scored, self.val_data[0], self.run.predictions, precision=c.precision)
        return evaluations

    def _step(self, model: nn.Module, batch: Batch, stop: StopRequest) -> tuple[dict[str, torch.Tensor], bool]:
        """One step: its losses by ``head/name`` and whether some process was asked to stop."""
        c, step = self.config.train, self.step
        # Sampled anchors and dropout are a function of (seed, step, rank): a resumed run draws the same ones.
        torch.manual_seed(derive_seed(c.seed, "step", step, self.world.rank))
        set_lr(self.optimizer, self.schedule(step))
        batch = batch.to(self.world.device, non_blocking=True)
        with autocast(self.world.device, c.precision):
            total, losses = model(batch)
        bad = not bool(total.isfinite())
        any_bad, stopping = self.world.any(bad, bool(stop))
        if any_bad:
            self._fail(batch if bad else None, losses)
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        if c.clip is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), c.clip)
        self.optimizer.step()
        if self.average is not None:
            self.average.update(self.model, step + 1)
        return {"total": total.detach(), **{name: loss.detach() for name, loss in losses.items()}}, stopping

    def _fail(self, batch: Batch | None, losses: dict[str, torch.Tensor]) -> None:
        ids = [i for part in self.world.gather(list(batch.ids) if batch is not None else []) for i in part]
        which = ", ".join(name for name, loss in losses.items() if not bool(loss.isfinite())) or "in another process"
        kept = f"{self.run.state} holds the last good state" if self.run.state.exists() else "nothing was saved yet"
        raise NonFiniteLossError(
            f"the loss became NaN or infinite at step {self.step + 1} ({which}), on the images {ids}; {kept}",
            fix="look at these images and their boxes; lower train.lr, lengthen train.warmup, or set train.clip",
        )

    def _evaluate(self) -> dict[str, Evaluation]:
        c = self.config
        self.world.broadcast(self.scored.buffers())  # the running statistics that rank 0 saves
        found = evaluate(
            self.scored,
            self.val_data,
            world=self.world,
            batch=max(1, c.train.batch // self.world.size),
            workers=c.data.workers,
            precision=c.train.precision,
        )
        if self.world.is_main:
            write_evaluations(found, self.run.evaluation, self.run.reports, step=self.step)
            defined = [value for e in found.values() if math.isfinite(value := e.metrics[e.main])]
            main = sum(defined) / len(defined) if defined else 0.0
            if main > self.best:
                self.best = main
                notes = {head: e.metrics for head, e in found.items()}
                save(self.scored, self.run.best, step=self.step, main=main, metrics=notes)
        self.world.barrier()
        return found

    def _save(self) -> None:
        if not self.world.is_main:
            return
        if not all(bool(t.isfinite().all()) for t in self.model.state_dict().values()):
            raise NonFiniteLossError(
                f"weights became NaN or infinite before step {self.step}; the last good checkpoint stays",
                fix="lower train.lr, lengthen train.warmup, or set train.clip",
            )
        average = None if self.average is None else self.scored
        save_state(
            self.run.state, self.objective, self.optimizer, average, step=self.step, config=self.config.model_dump()
        )
        save(self.scored, self.run.last, step=self.step)

    def _stopped(self) -> StoppedError:
        self._save()
        return StoppedError(
            f"stopped after step {self.step} of {self.total}; everything is saved in {self.run.folder}",
            fix=f"go on with `hub train {self.run.folder} --resume`",
        )

    def _lr(self, step: int) -> float:
        return scaled_lr(self.config.train) * self.schedule(step)

    def _log_setup(self) -> None:
        c = self.config.train
        log.info("run folder %s", self.run.folder)
        if self.step:
            log.info("going on from step %d of %d", self.step, self.total)
        log.info("trunk: %s", self.model.trunk.provenance)
        section = self.config.model
        if (section.norm == "frozen" or section.freeze) and not section.pretrained and section.weights is None:
            log.warning(
                "norm: frozen and freeze keep layers as they start, and these start at random: "
                "use norm: batch (or group) and freeze: 0, or pretrained weights"
            )
        for purpose, datasets in (("train", self.train_data), ("evaluate", self.val_data)):
            for data in datasets:
                log.info("data: %d images of %s to %s on", len(data), data.name, purpose)
        log.info(
            "learning rate: %g is stated for %d images a step; with %d it is %g",
            c.lr, REFERENCE_BATCH, c.batch, scaled_lr(c),
        )  # fmt: skip
        kind = "bf16 autocast" if autocast(self.world.device, c.precision)._enabled else "fp32"
        log.info("%d steps on %d × %s in %s", self.total, self.world.size, self.world.device, kind)
