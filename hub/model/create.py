"""`hub.create`: one name in, a trunk or a whole model out."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from hub.backbones.create import create_trunk
from hub.backbones.trunk import Trunk
from hub.contract.head import Head
from hub.contract.options import parse_options
from hub.contract.recipe import Recipe
from hub.errors import BadNameError, ContractError, LabelMismatchError, OptionError, did_you_mean
from hub.images import ResizeRule
from hub.labels import LabelSpace
from hub.model.model import Model
from hub.names import ModelName
from hub.preprocessing import Preprocessing
from hub.registry import find
from hub.seeds import draw_seed, isolated_rng

Labels = LabelSpace | Iterable[str]


def create(
    name: str,
    *,
    labels: Labels | Mapping[str, Labels] | None = None,
    pretrained: bool | str | os.PathLike[str] = False,
    in_chans: int = 3,
    norm: str = "batch",
    freeze: int = 0,
    channels: int | None = None,
    levels: tuple[str, ...] | None = None,
    backbone: Mapping[str, Any] | None = None,
    neck: Mapping[str, Any] | None = None,
    resize: ResizeRule | None = None,
    heads: Mapping[str, Mapping[str, Any]] | None = None,
    **options: Any,
) -> Any:
    """Create a trunk (a name without a task) or a model (a name with tasks).

    Args:
        name: ``[task[+task…]/]backbone[.tag][-neck]``.
        labels: class names or a `hub.LabelSpace`; with several heads that have classes, head → that. Models only.
        pretrained: True downloads the backbone's weights, a path reads them, False starts at random.
        in_chans: channels of the image.
        norm: of the backbone: batch, frozen, group or sync.
        freeze: stages of the backbone that do not train: 2 is the stem and the first stage.
        channels: width of the pyramid.
        levels: that a trunk returns. Trunks only: a model's heads say what they read.
        backbone: further options of the backbone, for timm's those of ``timm.create_model``.
        neck: further options of the neck.
        resize: size rule of the model's preprocessing. Models only.
        heads: head → its options.
        options: options of the head, where there is only one.

    Returns:
        `hub.Trunk` or `hub.Model`.

    Raises:
        BadNameError, UnknownNameError, AmbiguousNameError: the name.
        OptionError, LabelMismatchError: what was given with it.
        BrokenPluginError, MissingRequirementError, ContractError: the plugin behind it.
        DownloadError: the weights.

    >>> import torch
    >>> trunk = create("resnet18-fpn")
    >>> {level: tuple(f.shape) for level, f in trunk(torch.zeros(1, 3, 64, 64)).items()}
    {'p2': (1, 256, 16, 16), 'p3': (1, 256, 8, 8), 'p4': (1, 256, 4, 4), 'p5': (1, 256, 2, 2), 'p6': (1, 256, 1, 1)}
    """
    parsed = ModelName.parse(name)
    if not parsed.tasks:
        for what, value in (("labels", labels), ("resize", resize), ("heads", heads), *options.items()):
            if value is not None:
                raise OptionError(
                    f"{name} is a trunk without a head, so it takes no {what!r}",
                    fix=f"name a head, as in faster-rcnn/{name}",
                )
        return create_trunk(
            parsed, pretrained=pretrained, in_chans=in_chans, norm=norm, freeze=freeze,
            channels=channels, levels=levels, backbone=backbone, neck=neck,
        )  # fmt: skip
    if levels is not None:
        raise OptionError("a model takes no 'levels'", fix="its heads say which levels they read")
    recipe = Recipe(
        name=name,
        labels=parse_labels(parsed, labels),
        heads=_options(parsed, heads, options),
        in_chans=in_chans,
        norm=norm,
        freeze=freeze,
        channels=channels,
        backbone=dict(backbone or {}),
        neck=dict(neck or {}),
    )
    model = build(recipe, pretrained=pretrained)
    if resize is not None:
        wanted = replace(model.preprocessing, resize=resize)
        model.preprocessing = resolve_preprocessing(wanted, dict(model.items()), given="the option resize")
    return model


def build(recipe: Recipe, *, pretrained: bool | str | os.PathLike[str] = False) -> Model:
    """Build a model from its recipe; see `create` for what it raises."""
    name = ModelName.parse(recipe.name)
    classes = {task: head_class(task) for task in name.tasks}
    options = {
        task: parse_options(cls.Options, recipe.heads.get(task, {}), owner=task) for task, cls in classes.items()
    }
    read = {task: cls.levels(options[task]) for task, cls in classes.items()}
    missing = [level for wanted in read.values() for level in wanted if re.fullmatch(r"p\d", level)]
    if name.neck is None and missing:
        raise BadNameError(
            f"{recipe.name} reads the pyramid level {missing[0]}, but {name.trunk} has no neck",
            fix=f"write {'+'.join(name.tasks)}/{name.trunk}-fpn",
        )
    # Each part starts from a generator of its own: another head beside it changes no number of it.
    seed = draw_seed()
    with isolated_rng(seed, "trunk"):
        trunk: Trunk = create_trunk(
            name,
            pretrained=pretrained,
            in_chans=recipe.in_chans,
            norm=recipe.norm,
            freeze=recipe.freeze,
            channels=recipe.channels,
            levels=tuple(dict.fromkeys(level for wanted in read.values() for level in wanted)),
            backbone=recipe.backbone,
            neck=recipe.neck,
        )
    heads: dict[str, Head] = {}
    for task, cls in classes.items():
        with isolated_rng(seed, f"head {task}"):
            head = cls(
                {level: trunk.channels[level] for level in read[task]},
                {level: trunk.strides[level] for level in read[task] if level in trunk.strides},
                recipe.labels[task],
                options[task],
            )
        head.check_heads(heads)
        heads[task] = head
    if trunk.classifier is not None:
        for head in heads.values():
            head.load_pretrained_classifier(trunk.classifier)
        trunk.classifier = None  # it has served
    # Every option is kept, the defaults too: a checkpoint must not change with the defaults of a later version.
    resolved = {task: chosen.model_dump(mode="json") for task, chosen in options.items()}
    preprocessing = resolve_preprocessing(trunk.preprocessing, heads, given="the weights", free={"resize"})
    return Model(trunk, heads, replace(recipe, heads=resolved), preprocessing)


def resolve_preprocessing(
    preprocessing: Preprocessing, heads: Mapping[str, Head], *, given: str, free: Collection[str] = ()
) -> Preprocessing:
    """Preprocessing with the values on which heads insist.

    Args:
        preprocessing: to start from.
        heads: by name.
        given: who wants what it says, for the message.
        free: the fields that nobody has chosen yet.

    Raises:
        OptionError: two heads insist on different values, or one on another than is given.
    """
    said: dict[str, tuple[str, Any]] = {
        field: (given, value) for field, value in vars(preprocessing).items() if field not in free
    }
    for task, head in heads.items():
        for field, value in head.required_preprocessing(head.options).items():
            who, other = said.setdefault(field, (task, value))
            if other != value:
                raise OptionError(
                    f"{task} needs images with {field} {value}, but {who} wants {field} {other}",
                    fix="train them as two models, or give the heads options that agree",
                )
    return replace(preprocessing, **{field: value for field, (_, value) in said.items()})


def head_class(task: str) -> type[Head]:
    """The class behind a task's name.

    Raises:
        ContractError: the plugin's target is not a subclass of `hub.Head`.
    """
    cls = find("tasks", task).target()
    if not (isinstance(cls, type) and issubclass(cls, Head)):
        raise ContractError(f"the target of task {task!r} is {cls!r}", fix="point it at a subclass of hub.Head")
    return cls


def parse_labels(name: ModelName, labels: Labels | Mapping[str, Labels] | None) -> dict[str, LabelSpace]:
    """Head → its labels; those of a head without classes are empty and need not be given."""
    with_classes = [task for task in name.tasks if head_class(task).labels_from is not None]
    if labels is None:
        if with_classes:
            raise LabelMismatchError(f"{name} needs labels", fix=f"hub.create({str(name)!r}, labels=['cat', 'dog'])")
        labels = {}
    if not isinstance(labels, Mapping):
        takers = with_classes or name.tasks
        labels = dict.fromkeys(takers, labels) if len(takers) == 1 else _refuse_one_for_many(name)
    for head in labels:
        _known_head(name, head, "labels")
    missing = [task for task in with_classes if task not in labels]
    if missing:
        raise LabelMismatchError(f"no labels for head {missing[0]!r}", fix=f"labels={{{missing[0]!r}: [...]}}")
    spaces = {task: LabelSpace.of(labels.get(task, ())) for task in name.tasks}
    for head, space in spaces.items():
        if head not in with_classes and len(space):
            raise LabelMismatchError(f"{head} has no classes, but labels are given for it", fix="leave them out")
        if head in with_classes and not len(space):
            raise LabelMismatchError(f"the label list of {head} is empty", fix="give at least one class")
    return spaces


def _refuse_one_for_many(name: ModelName) -> dict[str, Labels]:
    raise LabelMismatchError(f"{name} has several heads", fix=f"labels={{{name.tasks[0]!r}: [...], ...}}")


def _options(
    name: ModelName, heads: Mapping[str, Mapping[str, Any]] | None, options: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    chosen = {head: dict(values) for head, values in (heads or {}).items()}
    for head in chosen:
        _known_head(name, head, "options")
    if options:
        if len(name.tasks) > 1:
            raise OptionError(
                f"{name} has several heads, so {next(iter(options))!r} is ambiguous",
                fix="use heads={head: {...}}",
            )
        chosen[name.tasks[0]] = {**chosen.get(name.tasks[0], {}), **options}
    return chosen


def _known_head(name: ModelName, head: str, what: str) -> None:
    if head not in name.tasks:
        raise OptionError(
            f"{what} given for {head!r}, which is not a head of {name}.{did_you_mean(head, name.tasks)}",
            fix=f"its heads are {', '.join(name.tasks)}",
        )
