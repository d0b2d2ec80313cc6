"""The config of a run: flat YAML, validated strictly before anything else happens."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hub.errors import ConfigError, did_you_mean
from hub.files import write_text


class Section(BaseModel):
    """Base of every section: an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", validate_default=True)


class ResizeConfig(Section):
    """The size rule of evaluation and prediction, in pixels; see `hub.ResizeRule`."""

    shortest: int = Field(800, gt=0)
    longest: int = Field(1333, gt=0)


class ModelConfig(Section):
    """What `hub.create` is given."""

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
    resize: ResizeConfig | None = None  # default: what the heads insist on, else 800 within 1333
    heads: dict[str, dict[str, Any]] = {}
    train_only: list[str] | None = None  # heads that learn; the trunk and the other heads stay as they are


class DataConfig(Section):
    """Where the images are. ``train`` and ``val`` name a format and its options, or are lists of such.

    Several training sets take turns, a batch each; ``turns: 2`` gives one two batches a round. Each may have
    ``transforms`` of its own. A head learns from those that have what it needs, and is scored on the first that has.
    """

    root: str = "data/shapes"
    train: dict[str, Any] | list[dict[str, Any]] = {"format": "shapes", "split": "train"}
    val: dict[str, Any] | list[dict[str, Any]] = {"format": "shapes", "split": "val"}
    transforms: list[dict[str, Any]] | None = None  # of training; default: flip, then the model's resize
    workers: int = Field(2, ge=0)


class TrainConfig(Section):
    """How to optimise. Exactly one of ``epochs`` and ``steps``; milestones and warm-up are in steps or epochs."""

    batch: int = Field(16, gt=0)  # images a step, over all processes
    epochs: float | None = Field(None, gt=0)
    steps: int | None = Field(None, gt=0)
    optimizer: Literal["sgd", "adamw"] = "sgd"
    lr: float = Field(0.02, gt=0)  # for 16 images a step; scaled linearly to the batch
    backbone_lr: float = Field(1.0, ge=0)  # multiplies lr for the backbone
    layer_decay: float | None = Field(None, gt=0, le=1)  # of lr, from each layer of the backbone to the one before
    momentum: float = Field(0.9, ge=0, lt=1)
    weight_decay: float = Field(1e-4, ge=0)  # never on normalisation layers
    schedule: Literal["multistep", "cosine", "constant"] = "multistep"
    milestones: list[float] = []  # in the unit of epochs or steps, whichever is given
    gamma: float = Field(0.1, gt=0, le=1)
    warmup: int = Field(500, ge=0)  # steps
    warmup_start: float = Field(0.001, ge=0, le=1)  # first factor of the warm-up
    clip: float | None = Field(None, gt=0)  # largest norm of the gradient
    ema: float | None = Field(None, gt=0, lt=1)  # decay a step of a moving average of the weights, which is then scored
    loss_weights: dict[str, Annotated[float, Field(ge=0)]] | Literal["uncertainty"] = {}  # by head or head/loss
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    seed: int = Field(0, ge=0)
    evaluate_every: float = Field(1.0, gt=0)  # in the unit of epochs or steps
    checkpoint_every: int = Field(500, gt=0)  # steps
    log_every: int = Field(20, gt=0)  # steps

    @model_validator(mode="after")
    def _one_length(self) -> TrainConfig:
        if (self.epochs is None) == (self.steps is None):
            raise ValueError("give exactly one of train.epochs and train.steps, and set the other to null")
        if self.schedule == "multistep" and not self.milestones:
            raise ValueError("schedule multistep needs train.milestones, for example [8, 11]")
        return self


class Config(Section):
    """A whole run."""

    model: ModelConfig
    data: DataConfig = DataConfig()
    train: TrainConfig

    def to_yaml(self) -> str:
        """As YAML that `load_config` reads back to an equal config."""
        return yaml.safe_dump(self.model_dump(), sort_keys=False, allow_unicode=True)

    def save(self, path: str | os.PathLike[str], *, header: str = "") -> None:
        """Write the config, with comment lines before it."""
        comments = "".join(f"# {line}\n" for line in header.splitlines())
        write_text(path, comments + self.to_yaml())


def load_config(path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> Config:
    """Read a config file and apply ``key=value`` overrides.

    Args:
        path: a YAML file.
        overrides: such as ``train.batch=2``; values are YAML, keys are dotted.

    Raises:
        ConfigError: the file is missing or no YAML, or a key or value is wrong; names the file and the nearest key.
    """
    path = Path(path)
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        near = did_you_mean(path.name, [p.name for p in path.parent.glob("*.yaml")]) if path.parent.is_dir() else ""
        raise ConfigError(
            f"config {path} does not exist.{near}", fix="give a YAML file such as configs/quickstart.yaml"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError, IsADirectoryError) as error:
        raise ConfigError(f"{path} is not a YAML file: {error}", fix="mend it") from None
    if not isinstance(data, Mapping):
        raise ConfigError(f"{path} holds no keys", fix="it needs the sections model, data and train")
    return parse_config(apply_overrides(dict(data), overrides), source=str(path))


def parse_config(data: Mapping[str, Any], *, source: str) -> Config:
    """Validate plain values into a `Config`.

    Raises:
        ConfigError: names ``source``, the dotted key, and the nearest known key where one is misspelt.
    """
    try:
        return Config.model_validate(dict(data))
    except ValidationError as error:
        lines = [_explain(problem) for problem in error.errors()]
    raise ConfigError(
        f"{source}: " + "; ".join(dict.fromkeys(lines)), fix="mend the keys named, see configs/ for examples"
    )


def apply_overrides(data: dict[str, Any], overrides: Iterable[str]) -> dict[str, Any]:
    """Set dotted keys of nested mappings.

    >>> apply_overrides({"train": {"lr": 0.02}}, ["train.lr=0.01", "data.root=/data/coco"])
    {'train': {'lr': 0.01}, 'data': {'root': '/data/coco'}}

    Raises:
        ConfigError: an override without ``=``, or through something that is no mapping.
    """
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals or not key:
            raise ConfigError(f"override {override!r} is not key=value", fix="write for example train.batch=2")
        *parents, last = key.split(".")
        here = data
        for parent in parents:
            value = here.setdefault(parent, {})
            if value is None:
                value = here[parent] = {}
            if not isinstance(value, dict):
                raise ConfigError(f"override {override!r}: {parent} holds no keys", fix="check the dotted key")
            here = value
        try:
            here[last] = yaml.safe_load(text)
        except yaml.YAMLError:
            here[last] = text
    return data


def _explain(problem: Any) -> str:
    *parents, last = [str(part) for part in problem["loc"]] or [""]
    where = ".".join([*parents, last])
    if problem["type"] == "extra_forbidden":
        return f"unknown key {where!r}.{did_you_mean(last, _keys(parents))}"
    if problem["type"] == "missing":
        return f"the key {where!r} is missing"
    message = problem["msg"].removeprefix("Value error, ")
    return f"{where}: {message} (got {problem['input']!r})" if not message.startswith("give exactly") else message


def _keys(parents: Sequence[str]) -> list[str]:
    """The keys that the section at this path knows."""
    section: Any = Config
    for parent in parents:
        annotation = section.model_fields[parent].annotation
        candidates = [annotation, *get_args(annotation)]
        section = next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)
        if section is None:
            return []
    return list(section.model_fields)
