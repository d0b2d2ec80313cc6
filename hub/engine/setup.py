"""Build everything that a trainer needs from a config."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import torch

from hub.contract.dataset import Dataset
from hub.data.transforms import Transform
from hub.engine.build import build_model
from hub.engine.callbacks import EMA, Callback, Checkpoints, EarlyStopping, Evaluate, SamplePredictions, SaveBest
from hub.engine.config import Config, TrainConfig
from hub.engine.loggers import Logger
from hub.engine.objective import Objective
from hub.engine.optim import Schedule, parameter_groups, scaled_lr
from hub.engine.optim.groups import REFERENCE_BATCH
from hub.engine.plugins import call_plugin, split_declared
from hub.engine.strategy import Strategy
from hub.engine.train_batches import Source, open_sources, steps_per_epoch, validation_data
from hub.errors import ConfigError, ContractError
from hub.registry import find
from hub.weights import transfer

log = logging.getLogger("hub")


@dataclass(frozen=True)
class Parts:
    """What `hub.engine.trainer.Trainer` takes; see there."""

    objective: Objective
    train_data: list[Source]
    val_data: list[Dataset]
    optimizer: torch.optim.Optimizer
    schedule: Schedule
    callbacks: list[Callback]
    loggers: list[Logger]


def prepare(config: Config, strategy: Strategy, *, pretrained: bool = True) -> Parts:
    """Open the data and build the model, optimizer, schedule, callbacks and loggers of a config.

    Args:
        config: of a run.
        strategy: of this process.
        pretrained: False leaves out all pretrained weights, for a model whose weights are loaded next.

    Raises:
        HubError: whatever is wrong with the config, the data or the model.
    """
    c, world = config.train, strategy.world
    if config.model.norm == "sync" and world.size > 1 and world.device.type != "cuda":
        raise ConfigError("model.norm: sync needs GPUs", fix="use norm: group on CPUs")
    if not world.is_main:
        world.barrier()  # rank 0 may generate or index data that the others then find
    train_data = open_sources(config.data.train, root=config.data.root, where="data.train")
    val_data = validation_data(config)
    if world.is_main:
        world.barrier()
    torch.manual_seed(c.seed)  # the same start in every process
    model = build_model(config, [source.dataset for source in train_data], pretrained=pretrained)
    shared = None if config.data.transforms is None else Transform.parse(config.data.transforms)
    train_data = [source.with_default(shared) for source in train_data]
    if config.model.weights is not None and pretrained:
        log.info("weights from %s:\n%s", config.model.weights, transfer(model, config.model.weights))
    _warn_of_frozen_random_weights(config)
    objective = Objective(model, c.loss_weights)
    return Parts(
        objective,
        train_data,
        val_data,
        _optimizer(objective, c),
        _schedule(c, train_data),
        _callbacks(c, train_data),
        [
            call_plugin(
                "loggers",
                declared,
                where=f"train.loggers.{number}",
                returns=Logger,  # type: ignore[type-abstract]
            )
            for number, declared in enumerate(c.loggers)
        ],
    )


def _optimizer(objective: Objective, c: TrainConfig) -> torch.optim.Optimizer:
    lr = scaled_lr(c.lr, c.batch)
    log.info("learning rate: %g for %d images per step; with %d it is %g", c.lr, REFERENCE_BATCH, c.batch, lr)
    groups = parameter_groups(
        objective, lr=lr, weight_decay=c.weight_decay, backbone_lr=c.backbone_lr, layer_decay=c.layer_decay
    )
    optimizer: type[torch.optim.Optimizer] = torch.optim.Optimizer
    return call_plugin("optimizers", c.optimizer, groups, lr, where="train.optimizer", returns=optimizer)


def _schedule(c: TrainConfig, train_data: list[Source]) -> Schedule:
    """Return the schedule, with what the config states in epochs in steps."""
    unit = _unit(c, train_data)
    name, options = split_declared(c.schedule, where="train.schedule")
    target = find("schedules", name).target()
    if not (isinstance(target, type) and issubclass(target, Schedule)):
        raise ContractError(f"the target of schedule {name!r} is {target!r}", fix="point it at a subclass of Schedule")
    for key in target.in_epochs:
        if isinstance(values := options.get(key), list):
            options[key] = [round(value * unit) for value in values]
        elif isinstance(values, int | float):
            options[key] = round(values * unit)
    return call_plugin(
        "schedules",
        {"name": name, **options},
        where="train.schedule",
        returns=Schedule,  # type: ignore[type-abstract]
        steps=c.steps if c.steps is not None else max(1, round((c.epochs or 0) * unit)),
        warmup=c.warmup,
        warmup_start=c.warmup_start,
    )


def _callbacks(c: TrainConfig, train_data: list[Source]) -> list[Callback]:
    average = [EMA(c.ema)] if c.ema is not None else []
    stopping = [EarlyStopping(c.early_stopping)] if c.early_stopping is not None else []
    every = max(1, round(c.evaluate_every * _unit(c, train_data)))
    return [*average, Checkpoints(c.checkpoint_every), Evaluate(every), SaveBest(), *stopping, SamplePredictions()]


def _unit(c: TrainConfig, train_data: list[Source]) -> int:
    """Return the number of steps in an epoch where the config counts in epochs, else 1."""
    return steps_per_epoch(train_data, c.batch) if c.epochs is not None else 1


def _warn_of_frozen_random_weights(config: Config) -> None:
    section = config.model
    if (section.norm == "frozen" or section.freeze) and not section.pretrained and section.weights is None:
        log.warning(
            "norm: frozen and freeze keep layers as they start, and these start at random: "
            "use norm: batch (or group) and freeze: 0, or pretrained weights"
        )
