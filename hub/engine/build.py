"""Open the datasets and build the model of a config."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from hub.contract import Options, Recipe, parse_options
from hub.contract.dataset import Dataset
from hub.data.formats.detect import detect_format
from hub.data.transforms import Transform
from hub.engine.config import Config
from hub.errors import ConfigError, ContractError, LabelMismatchError, PixelFormatError, did_you_mean
from hub.images import ResizeRule
from hub.labels import LabelSpace
from hub.model import Model, ModelPlan, build
from hub.names import ModelName
from hub.pixel_format import PixelFormat
from hub.registry import find

AUTO = "auto"


def open_dataset(section: Mapping[str, object], *, root: str, where: str) -> Dataset:
    """Open the dataset that a config section names.

    Args:
        section: ``format`` and the options of that format; without it, or with ``auto``, the format is detected.
        root: default for a section without ``root``.
        where: the section's dotted key, for messages. Its last part is the split to detect if none is given.

    Raises:
        ConfigError, UnknownNameError, OptionError, DataError: the section or the data are invalid.
    """
    options = {"root": root, **section}
    name = options.pop("format", AUTO)
    if not isinstance(name, str):
        raise ConfigError(f"{where}: format {name!r} is not a name", fix=f"write for example {where}: {{format: coco}}")
    if name == AUTO:
        split = str(options.pop("split", where.rpartition(".")[2]))
        name, detected = detect_format(Path(str(options["root"])).expanduser(), split)
        options = {**detected, **options}
    cls = find("datasets", name).target()
    if not (isinstance(cls, type) and issubclass(cls, Dataset)):
        raise ContractError(f"the target of data format {name!r} is {cls!r}", fix="point it at a hub.data.Dataset")
    make: Callable[[Options], Dataset] = cls
    return make(parse_options(cls.Options, options, owner=f"{where} (format {name})"))


def build_model(config: Config, train: Sequence[Dataset], *, pretrained: bool = True) -> Model:
    """Build the model of a config, with the labels of the training data if the config gives none.

    Args:
        config: config of the run.
        train: the training data; if several datasets have labels for a head, the head gets all of them.
        pretrained: False skips the pretrained weights, for a model whose weights are loaded afterwards.

    Raises:
        ConfigError: there is no head, or labels are given for a head that does not exist.
        LabelMismatchError: the data have no labels of the kind that a head reads.
        OptionError: ``model.train_only`` names a head that does not exist.
    """
    section = config.model
    labels: dict[str, LabelSpace] = {}
    name = ModelName.parse(section.name)
    if not name.tasks:
        raise ConfigError(f"model.name {name} has no head to train", fix=f"write faster-rcnn/{name}")
    declared = section.labels if isinstance(section.labels, dict) else {}
    for task in declared:
        if task not in name.tasks:
            raise ConfigError(
                f"model.labels names {task!r}, which is not a head of {name}.{did_you_mean(task, name.tasks)}",
                fix=f"its heads are {', '.join(name.tasks)}",
            )
    recipe = Recipe(
        name=section.name,
        labels={},
        heads=section.heads,
        in_chans=section.in_chans,
        norm=section.norm,
        freeze=section.freeze,
        channels=section.channels,
        backbone=section.backbone,
        neck=section.neck,
    )
    plan = ModelPlan.of(recipe, name)
    for task, head in plan.heads.items():
        source = head.labels_from
        if source is None:  # it has no classes
            continue
        given = section.labels.get(task) if isinstance(section.labels, dict) else section.labels
        known = [data.label_spaces[source] for data in train if source in data.label_spaces]
        if given is not None:
            labels[task] = _with_ids(given, _union(known) if known else None)
        elif known:
            labels[task] = _union(known)
        else:
            raise LabelMismatchError(
                f"{' and '.join(data.name for data in train)} has no {source!r} labels, which {task} learns",
                fix="choose other data or another head",
            )
    model = build(
        plan.with_labels({**declared, **labels} or section.labels),  # refuses those of a head without classes
        pretrained=section.pretrained if pretrained else False,
        resize=ResizeRule(section.resize.shortest, section.resize.longest) if section.resize is not None else None,
    )
    model.preprocessing = replace(model.preprocessing, pixels=_pixels(train))
    if section.train_only is not None:
        model.train_only(section.train_only)
    reader = next((data.reader for data in train if data.reader is not None), None)
    model.recipe = replace(model.recipe, reader=reader)
    return model


def training_transform(declared: Sequence[Mapping[str, object]] | None, model: Model) -> Transform:
    """Return the training transform: the declared one, or a horizontal flip and the model's resize.

    Raises:
        ConfigError, OptionError: see `hub.data.transforms.Transform.parse`.
    """
    if declared is None:
        declared = [{"name": "horizontal_flip"}, {"name": "resize", **asdict(model.preprocessing.resize)}]
    return Transform.parse(declared)


def label_spaces(model: Model) -> dict[str, LabelSpace]:
    """Return the label spaces of the heads: ``"instances"``, or the name of a map or tag → label space.

    Raises:
        LabelMismatchError: two heads read the same labels but have different label spaces.
    """
    spaces: dict[str, LabelSpace] = {}
    for name, head in model.items():
        if head.labels_from is None:
            continue
        if spaces.setdefault(head.labels_from, head.labels).names != head.labels.names:
            raise LabelMismatchError(
                f"{name} and another head read {head.labels_from!r} but have other labels",
                fix="give both the same list of labels",
            )
    return spaces


def needs(model: Model, dataset: Dataset | None = None) -> frozenset[str]:
    """Return the targets of all heads; with a dataset, of the heads whose targets the dataset provides.

    Frozen heads on a frozen trunk do not count.
    """
    trunk = any(p.requires_grad for p in model.trunk.parameters())
    learning = [head for _, head in model.items() if trunk or any(p.requires_grad for p in head.parameters())]
    fed = [head for head in learning if dataset is None or head.needs <= dataset.provides]
    return frozenset().union(*(head.needs for head in fed))


def _pixels(train: Sequence[Dataset]) -> PixelFormat:
    """Return the common pixel format of the training data."""
    first = train[0] if train else None
    for other in train[1:]:
        if first is not None and other.pixels != first.pixels:
            raise PixelFormatError(
                f"{first.name} has {first.pixels} pixels, but {other.name} {other.pixels}",
                fix="convert the images of one of them, or give both the same value_range",
            )
    return PixelFormat() if first is None else first.pixels


def _union(spaces: Sequence[LabelSpace]) -> LabelSpace:
    """Return the union of label spaces by name; with new ids if the ids contradict each other."""
    first, *others = spaces
    if all(other == first for other in others):
        return first
    ids: dict[str, int] = {}
    for space in spaces:
        for name, number in zip(space.names, space.ids, strict=True):
            ids.setdefault(name, number)
    agree = len(set(ids.values())) == len(ids)
    return LabelSpace(tuple(ids), tuple(ids.values()) if agree else ())


def _with_ids(names: list[str], space: LabelSpace | None) -> LabelSpace:
    """Return labels in the order of the config, with the ids of the dataset if it has all of them."""
    if space is None or not set(names) <= set(space.names):
        return LabelSpace.of(names)
    return LabelSpace(tuple(names), tuple(space.ids[space.index(n)] for n in names))
