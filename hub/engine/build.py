"""From a config to datasets and a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.data.dataset import Dataset
from hub.data.transforms import Transform
from hub.engine.config import Config
from hub.errors import ConfigError, ContractError, LabelMismatchError, did_you_mean
from hub.images import ResizeRule
from hub.labels import LabelSpace
from hub.model import Model, create, parse_options
from hub.model.create import head_class
from hub.names import ModelName
from hub.registry import find


def open_dataset(section: Mapping[str, Any], *, root: str, where: str) -> Dataset:
    """Open the dataset that a config section names.

    Args:
        section: ``format`` and the options of that format.
        root: taken where the section has none of its own.
        where: the section's dotted key, for messages.

    Raises:
        ConfigError, UnknownNameError, OptionError, DataError: what can be wrong with it.
    """
    options = {"root": root, **section}
    name = options.pop("format", None)
    if not isinstance(name, str):
        raise ConfigError(f"{where} names no format", fix=f"write for example {where}: {{format: coco, …}}")
    cls = find("datasets", name).target()
    if not (isinstance(cls, type) and issubclass(cls, Dataset)):
        raise ContractError(f"the target of data format {name!r} is {cls!r}", fix="point it at a hub.data.Dataset")
    make: Any = cls
    return make(parse_options(cls.Options, options, owner=f"{where} (format {name})"))


def build_model(config: Config, train: Dataset, *, pretrained: bool = True) -> Model:
    """The model of a config, with the labels of the training data where the config gives none.

    Args:
        config: of the run.
        train: the training data.
        pretrained: False leaves out the backbone's weights, for a model whose weights are loaded next.

    Raises:
        ConfigError: no head, or labels for a head that is not there.
        LabelMismatchError: the data have no labels of the kind that a head reads.
    """
    section = config.model
    labels: dict[str, LabelSpace] = {}
    tasks = ModelName.parse(section.name).tasks
    for head in section.labels if isinstance(section.labels, dict) else ():
        if head not in tasks:
            raise ConfigError(
                f"model.labels names {head!r}, which is not a head of {section.name}.{did_you_mean(head, tasks)}",
                fix=f"its heads are {', '.join(tasks)}",
            )
    for task in tasks:
        source = head_class(task).labels_from
        if section.labels is None:
            if source not in train.label_spaces:
                raise LabelMismatchError(
                    f"{train.name} has no {source!r} labels, which {task} learns",
                    fix="choose other data or another head",
                )
            labels[task] = train.label_spaces[source]
        else:
            given = section.labels if isinstance(section.labels, list) else section.labels.get(task, [])
            labels[task] = _with_ids(given, train.label_spaces.get(source))
    if not labels:
        raise ConfigError(f"model.name {section.name!r} has no head to train", fix=f"write faster-rcnn/{section.name}")
    return create(
        section.name,
        labels=labels,
        pretrained=section.pretrained if pretrained else False,
        in_chans=section.in_chans,
        norm=section.norm,
        freeze=section.freeze,
        channels=section.channels,
        backbone=section.backbone,
        neck=section.neck,
        resize=ResizeRule(section.resize.shortest, section.resize.longest),
        heads=section.heads,
    )


def training_transform(config: Config) -> Transform:
    """The transforms of training: the config's, or a flip and the model's own resize.

    Raises:
        ConfigError, OptionError: see `hub.data.transforms.Transform.parse`.
    """
    declared = config.data.transforms
    if declared is None:
        declared = [{"name": "flip"}, {"name": "resize", **config.model.resize.model_dump()}]
    return Transform.parse(declared)


def label_spaces(model: Model) -> dict[str, LabelSpace]:
    """What the heads call the labels of a batch: ``"instances"``, or a map's or tag's name → label space.

    Raises:
        LabelMismatchError: two heads read the same labels but know different ones.
    """
    spaces: dict[str, LabelSpace] = {}
    for name, head in model.items():
        if spaces.setdefault(head.labels_from, head.labels).names != head.labels.names:
            raise LabelMismatchError(
                f"{name} and another head read {head.labels_from!r} but have other labels",
                fix="give them one list",
            )
    return spaces


def needs(model: Model) -> frozenset[str]:
    """Everything that the model's heads learn from."""
    return frozenset().union(*(head.needs for _, head in model.items()))


def _with_ids(names: list[str], space: LabelSpace | None) -> LabelSpace:
    """Labels in the config's order, with the dataset's ids where it knows them all."""
    if space is None or not set(names) <= set(space.names):
        return LabelSpace.of(names)
    return LabelSpace(tuple(names), tuple(space.ids[space.index(n)] for n in names))
