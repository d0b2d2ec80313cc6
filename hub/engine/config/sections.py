"""The config of a run: flat YAML, strictly validated."""

from __future__ import annotations

import os
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from hub.engine.plugins import Declared, split_declared
from hub.errors import ConfigError, UnknownNameError
from hub.files import write_text
from hub.registry import find


class Section(BaseModel):
    """Base of every section: an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", validate_default=True)


class ResizeConfig(Section):
    """The size rule of evaluation and prediction, in pixels; see `hub.ResizeRule`."""

    shortest: int = Field(800, gt=0)
    longest: int = Field(1333, gt=0)


class ModelConfig(Section):
    """The arguments of `hub.create`."""

    name: str
    pretrained: bool | str = False
    weights: str | None = None  # a checkpoint or run folder to start from; labels are matched by name
    labels: list[str] | dict[str, list[str]] | None = None  # default: those of the training data
    in_chans: int = Field(3, gt=0)
    norm: Literal["batch", "frozen", "group", "sync"] = "batch"
    freeze: int = Field(0, ge=0)
    channels: int | None = Field(None, gt=0)
    backbone: dict[str, Any] = {}
    neck: dict[str, Any] = {}
    resize: ResizeConfig | None = None  # default: what the heads require, else 800 within 1333
    heads: dict[str, dict[str, Any]] = {}
    train_only: list[str] | None = None  # heads that learn; the trunk and the other heads stay as they are


class DataConfig(Section):
    """Where the images are. ``train`` and ``val`` name a format and its options, or are lists of such.

    Several training sets alternate: each gives ``batches_per_cycle`` batches (default: 1) of a cycle, and may have
    ``transforms`` of its own. A head learns from those that have what it needs, and is scored on the first that has.
    """

    root: str = "data/shapes"
    train: dict[str, Any] | list[dict[str, Any]] = {"format": "shapes", "split": "train"}
    val: dict[str, Any] | list[dict[str, Any]] = {"format": "shapes", "split": "val"}
    transforms: list[dict[str, Any]] | None = None  # of training; default: flip, then the model's resize
    workers: int = Field(2, ge=0)


class TrainConfig(Section):
    """Options of training. Exactly one of ``epochs`` and ``steps``; the warm-up is in steps."""

    batch: int = Field(16, gt=0)  # images per step, over all processes
    epochs: float | None = Field(None, gt=0)
    steps: int | None = Field(None, gt=0)
    optimizer: Declared = "sgd"  # a name, or {name: sgd, nesterov: true}; `hub list --optimizers`
    lr: float = Field(0.02, gt=0)  # for 16 images per step; scaled linearly with the batch size
    backbone_lr: float = Field(1.0, ge=0)  # multiplies lr for the backbone
    layer_decay: float | None = Field(None, gt=0, le=1)  # of lr, from each layer of the backbone to the one before
    weight_decay: float = Field(1e-4, ge=0)  # never on normalization layers
    schedule: Declared = "cosine"  # a name, or {name: multistep, milestones: [8, 11]}; `hub list --schedules`
    warmup: int = Field(500, ge=0)  # steps
    warmup_start: float = Field(0.001, ge=0, le=1)  # first factor of the warm-up
    clip: float | None = Field(None, gt=0)  # largest norm of the gradient
    ema: float | None = Field(None, gt=0, lt=1)  # decay per step of the weights' moving average
    loss_weights: dict[str, Annotated[float, Field(ge=0)]] | Literal["uncertainty"] = {}  # by head or head/loss
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    seed: int = Field(0, ge=0)
    evaluate_every: float = Field(1.0, gt=0)  # in the unit of epochs or steps
    checkpoint_every: int = Field(500, gt=0)  # steps
    log_every: int = Field(20, gt=0)  # steps
    early_stopping: int | None = Field(None, gt=0)  # evaluations without a better main metric before training ends
    loggers: list[Declared] = ["json-lines", "tensorboard", "console"]  # `hub list --loggers`

    @field_validator("optimizer", "schedule")
    @classmethod
    def _registered(cls, declared: Declared, info: ValidationInfo) -> Declared:
        check_registered(f"{info.field_name}s", declared, where=f"train.{info.field_name}")
        return declared

    @field_validator("loggers")
    @classmethod
    def _loggers_registered(cls, declared: list[Declared]) -> list[Declared]:
        for number, one in enumerate(declared):
            check_registered("loggers", one, where=f"train.loggers.{number}")
        return declared

    @model_validator(mode="after")
    def _one_length(self) -> TrainConfig:
        if (self.epochs is None) == (self.steps is None):
            raise ValueError("give exactly one of train.epochs and train.steps, and set the other to null")
        return self


class Config(Section):
    """The config of a run."""

    model: ModelConfig
    data: DataConfig = DataConfig()
    train: TrainConfig
    plugins: list[str] = []  # local modules to import first, which call `hub.register`; see --allow-local-code

    def to_yaml(self) -> str:
        """Return YAML from which `load_config` reads an equal config."""
        return yaml.safe_dump(self.model_dump(), sort_keys=False, allow_unicode=True)

    def save(self, path: str | os.PathLike[str], *, header: str = "") -> None:
        """Write the config, with comment lines before it."""
        comments = "".join(f"# {line}\n" for line in header.splitlines())
        write_text(path, comments + self.to_yaml())


def check_registered(group: str, declared: Declared, *, where: str) -> None:
    """Raise a `ValueError`, as pydantic's validators do, if no plugin of this name is installed.

    >>> check_registered("schedules", "cosin", where="train.schedule")
    Traceback (most recent call last):
    ValueError: unknown schedule 'cosin'. Did you mean cosine?
    """
    try:
        name, _ = split_declared(declared, where=where)
        find(group, name)
    except (ConfigError, UnknownNameError) as error:
        raise ValueError(str(error).splitlines()[0]) from None
