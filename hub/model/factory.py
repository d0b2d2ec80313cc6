"""Create models by name: `hub.create_model`, and `hub.create` for trunks and models."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import overload

from hub.backbones.create import create_trunk
from hub.backbones.trunk import Trunk
from hub.contract.recipe import Recipe
from hub.errors import BadNameError, OptionError
from hub.images import ResizeRule
from hub.model.model import Model
from hub.model.parts import build_parts
from hub.model.plan import Labels, ModelPlan, head_options
from hub.model.preprocess import resolve_preprocessing
from hub.names import ModelName


def create_model(
    name: str | ModelName,
    *,
    labels: Labels | Mapping[str, Labels] | None = None,
    pretrained: bool | str | os.PathLike[str] = False,
    in_chans: int = 3,
    norm: str = "batch",
    freeze: int = 0,
    channels: int | None = None,
    backbone: Mapping[str, object] | None = None,
    neck: Mapping[str, object] | None = None,
    resize: ResizeRule | None = None,
    heads: Mapping[str, Mapping[str, object]] | None = None,
    **options: object,
) -> Model:
    """Create a model: a trunk with one or more heads.

    Args:
        name: ``task[+task…]/backbone[.tag][-neck]``.
        labels: class names or a `hub.LabelSpace`; for several heads with classes, head → labels.
        pretrained: True downloads the backbone's weights, a path loads them, False initializes randomly.
        in_chans: channels of the image.
        norm: normalization of the backbone: batch, frozen, group or sync.
        freeze: number of backbone stages to freeze: 2 is the stem and the first stage.
        channels: channels of the pyramid.
        backbone: further options of the backbone, for timm's those of ``timm.create_model``.
        neck: further options of the neck.
        resize: size rule of the model's preprocessing.
        heads: head → its options.
        options: options of the head, if there is only one.

    Raises:
        BadNameError, UnknownNameError, AmbiguousNameError: the name is invalid.
        OptionError, LabelMismatchError: the options or labels are invalid.
        BrokenPluginError, MissingRequirementError, ContractError: a plugin cannot be used.
        DownloadError: the weights cannot be downloaded.

    >>> model = create_model("faster-rcnn/resnet18-fpn", labels=["cat", "dog"], channels=64)
    >>> list(model.heads), model.labels["faster-rcnn"].names
    (['faster-rcnn'], ('cat', 'dog'))
    """
    parsed = name if isinstance(name, ModelName) else ModelName.parse(name)
    if not parsed.tasks:
        raise BadNameError(f"{parsed} names no head", fix=f"name one, as in faster-rcnn/{parsed}, or use create_trunk")
    recipe = Recipe(
        name=str(parsed),
        labels={},
        heads=head_options(parsed, heads, options),
        in_chans=in_chans,
        norm=norm,
        freeze=freeze,
        channels=channels,
        backbone=dict(backbone or {}),
        neck=dict(neck or {}),
    )
    return build(ModelPlan.of(recipe, parsed).with_labels(labels), pretrained=pretrained, resize=resize)


@overload
def create(
    name: str,
    *,
    labels: Labels | Mapping[str, Labels],
    pretrained: bool | str | os.PathLike[str] = ...,
    in_chans: int = ...,
    norm: str = ...,
    freeze: int = ...,
    channels: int | None = ...,
    levels: None = ...,
    backbone: Mapping[str, object] | None = ...,
    neck: Mapping[str, object] | None = ...,
    resize: ResizeRule | None = ...,
    heads: Mapping[str, Mapping[str, object]] | None = ...,
    **options: object,
) -> Model: ...


@overload
def create(
    name: str,
    *,
    labels: None = ...,
    pretrained: bool | str | os.PathLike[str] = ...,
    in_chans: int = ...,
    norm: str = ...,
    freeze: int = ...,
    channels: int | None = ...,
    levels: tuple[str, ...] | None = ...,
    backbone: Mapping[str, object] | None = ...,
    neck: Mapping[str, object] | None = ...,
    resize: ResizeRule | None = ...,
    heads: Mapping[str, Mapping[str, object]] | None = ...,
    **options: object,
) -> Trunk | Model: ...


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
    backbone: Mapping[str, object] | None = None,
    neck: Mapping[str, object] | None = None,
    resize: ResizeRule | None = None,
    heads: Mapping[str, Mapping[str, object]] | None = None,
    **options: object,
) -> Trunk | Model:
    """Create a trunk (a name without a task) or a model (a name with tasks).

    For type checkers the result is a `hub.Model` if labels are given; see also `create_trunk` and `create_model`.

    Args:
        name: ``[task[+task…]/]backbone[.tag][-neck]``.
        labels, resize, heads, options: only for a model; see `create_model`.
        levels: only for a trunk; see `create_trunk`. The heads of a model define the levels that they read.
        pretrained, in_chans, norm, freeze, channels, backbone, neck: see `create_trunk`.

    Raises:
        OptionError: an option of models is given for a trunk, or an option of trunks for a model.
        HubError: see `create_trunk` and `create_model`.

    >>> import torch
    >>> trunk = create("resnet18-fpn")
    >>> {level: tuple(f.shape) for level, f in trunk(torch.zeros(1, 3, 64, 64)).items()}
    {'p2': (1, 256, 16, 16), 'p3': (1, 256, 8, 8), 'p4': (1, 256, 4, 4), 'p5': (1, 256, 2, 2), 'p6': (1, 256, 1, 1)}
    """
    parsed = ModelName.parse(name)
    if parsed.tasks:
        if levels is not None:
            raise OptionError("a model takes no 'levels'", fix="leave it out: its heads define which levels they read")
        return create_model(
            parsed, labels=labels, pretrained=pretrained, in_chans=in_chans, norm=norm, freeze=freeze,
            channels=channels, backbone=backbone, neck=neck, resize=resize, heads=heads, **options,
        )  # fmt: skip
    for option, value in (("labels", labels), ("resize", resize), ("heads", heads), *options.items()):
        if value is not None:
            raise OptionError(
                f"{name} is a trunk without a head, so it takes no {option!r}",
                fix=f"name a head, as in faster-rcnn/{name}",
            )
    return create_trunk(
        parsed, pretrained=pretrained, in_chans=in_chans, norm=norm, freeze=freeze,
        channels=channels, levels=levels, backbone=backbone, neck=neck,
    )  # fmt: skip


def build(
    plan: ModelPlan, *, pretrained: bool | str | os.PathLike[str] = False, resize: ResizeRule | None = None
) -> Model:
    """Build a model from its plan; see `create_model` for the arguments and the errors.

    ``build(ModelPlan.of(model.recipe))`` rebuilds a model from its recipe.
    """
    model = Model.of(build_parts(plan, pretrained=pretrained))
    if resize is not None:
        wanted = replace(model.preprocessing, resize=resize)
        model.preprocessing = resolve_preprocessing(wanted, dict(model.items()), given="the option resize")
    return model
