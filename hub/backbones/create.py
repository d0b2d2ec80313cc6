"""Create a trunk from its name."""

from __future__ import annotations

import inspect
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import cast

from torch import nn

from hub.backbones.neck_check import check_neck
from hub.backbones.norm import pooled_norms, set_norm
from hub.backbones.probe import Body, probe
from hub.backbones.timm_body import LoadedBackbone, load_timm, preprocessing_for
from hub.backbones.trunk import POOLED, Provenance, Trunk
from hub.errors import BadNameError, CheckpointError, ContractError, OptionError, UnknownNameError, did_you_mean
from hub.names import ModelName
from hub.preprocessing import IMAGENET_MEAN, IMAGENET_STD
from hub.registry import Entry, entries, find
from hub.spec import NeckSpec
from hub.timm_names import timm_names

log = logging.getLogger("hub")


def create_trunk(
    name: str | ModelName,
    *,
    pretrained: bool | str | os.PathLike[str] = False,
    in_chans: int = 3,
    norm: str = "batch",
    freeze: int = 0,
    channels: int | None = None,
    levels: tuple[str, ...] | None = None,
    backbone: Mapping[str, object] | None = None,
    neck: Mapping[str, object] | None = None,
) -> Trunk:
    """Create a trunk.

    Args:
        name: ``backbone[.tag][-neck]``.
        pretrained: True downloads weights, a path reads them from a file, False initializes at random.
        in_chans: channels of the image.
        norm: normalization of the backbone: batch, frozen, group or sync.
        freeze: number of frozen stages: 0 none, 1 the stem, 2 the stem and the first stage, ….
        channels: channels of every pyramid level; None takes the default of the neck.
        levels: levels to return; by default those of the neck, or all of the backbone if there is no neck.
            ``"pooled"`` is the vector (B, C) that the classifier of the backbone reads, with the layers before it.
        backbone: further options of the backbone; for timm models, arguments of ``timm.create_model``, and
            ``stride_in_1x1`` for ResNets whose weights come from Caffe.
        neck: further options of the neck.

    Raises:
        BadNameError, UnknownNameError, OptionError, ContractError, DownloadError: see `hub.errors`.

    >>> create_trunk("resnet18-fpn", channels=96).strides
    {'p2': 4, 'p3': 8, 'p4': 16, 'p5': 32, 'p6': 64}
    """
    parsed = name if isinstance(name, ModelName) else ModelName.parse(name)
    if parsed.tasks:
        raise BadNameError(
            f"{parsed} names a head, but a trunk has none", fix=f"write {parsed.trunk}, or use hub.create_model"
        )
    pooled = POOLED in (levels or ())
    loaded = _load(parsed, pretrained=pretrained, in_chans=in_chans, options=backbone or {}, pooled=pooled)
    found = probe(loaded.net, in_chans=in_chans, sizes=loaded.sizes, name=parsed.backbone, pooled=pooled)
    body: nn.Module = Body(loaded.net, found)
    pooled_layers = pooled_norms(body, in_chans=in_chans, size=found.size) if norm == "group" else frozenset()
    if pooled_layers:
        log.info(
            "%s: %d norms on pooled vectors get one group, since groups of one value would be zero",
            parsed.backbone, len(pooled_layers),
        )  # fmt: skip
    body = set_norm(body, norm, pooled=pooled_layers)
    all_channels, all_strides = dict(found.channels), dict(found.strides)
    if found.pooled is not None:
        all_channels[POOLED] = found.pooled

    built: nn.Module | None = None
    if parsed.neck is not None:
        entry = find("necks", parsed.neck)
        spec = entry.spec()
        assert isinstance(spec, NeckSpec)
        asked = tuple(n for n in (levels or spec.levels) if n not in found.channels and n != POOLED)
        options = {**(neck or {}), **({} if channels is None else {"out_channels": channels})}
        if asked:
            built = _neck(entry, found.channels, found.strides, asked, options)
            check_neck(built, found.shapes, found.size, asked, owner=f"neck {entry.id}")
            all_channels |= cast("Mapping[str, int]", built.channels)
            all_strides |= cast("Mapping[str, int]", built.strides)
        default = spec.levels
    else:
        if channels is not None or neck:
            raise OptionError(
                f"{parsed} has no neck, so it accepts no neck options", fix=f"add a neck, as in {parsed}-fpn"
            )
        default = tuple(found.channels)

    _report_unread(found.levels, levels, built is not None, name=parsed.backbone)
    trunk = Trunk(
        body,
        found.levels,
        built,
        channels=all_channels,
        strides=all_strides,
        levels=tuple(levels or default),
        probe_size=found.size,
        preprocessing=loaded.preprocessing,
        provenance=loaded.provenance,
        classifier=loaded.classifier,
    )
    trunk.freeze(freeze)
    return trunk.train()


def _report_unread(body_levels: Iterable[str], levels: tuple[str, ...] | None, has_neck: bool, *, name: str) -> None:
    """Log where nothing reads the deepest level: the layers that only it needs are not trained."""
    *_, deepest = body_levels
    if levels is not None and not has_neck and deepest not in levels and POOLED not in levels:
        log.info("%s: no head reads %s, so the layers that only it needs are not trained", name, deepest)


def _load(
    name: ModelName,
    *,
    pretrained: bool | str | os.PathLike[str],
    in_chans: int,
    options: Mapping[str, object],
    pooled: bool,
) -> LoadedBackbone:
    """Load the timm backbone of this name, or else the plugin's: timm's names have priority unless replaced."""
    plugins = entries("backbones")
    replaced = any(e.replaces and e.name == name.backbone for e in plugins)
    in_timm = name.backbone in timm_names() and not replaced
    if in_timm or not any(name.backbone in (e.name, e.id) for e in plugins):
        known = [*timm_names(), *(e.name for e in plugins)]
        return load_timm(
            name.backbone,
            name.tag,
            pretrained=pretrained,
            in_chans=in_chans,
            options=options,
            known=known,
            pooled=pooled,
        )
    entry = find("backbones", name.backbone)
    if name.tag is not None:
        raise UnknownNameError(
            f"{entry.id} is a plugin and has no pretrained tag {name.tag!r}",
            fix=f"write {name.backbone} without the tag",
        )
    if not isinstance(pretrained, bool) and not Path(pretrained).is_file():
        raise CheckpointError(f"weights {os.fspath(pretrained)} do not exist", fix="check the path given as pretrained")
    target = entry.factory()
    _check_options(f"backbone {entry.name}", target, options, given=("pretrained", "in_chans"))
    net = target(pretrained=pretrained, in_chans=in_chans, **options)
    if not isinstance(net, nn.Module):
        raise ContractError(f"backbone {entry.id} returned a {type(net).__name__}", fix="return a torch.nn.Module")
    preprocessing = getattr(net, "preprocessing", None) or preprocessing_for(IMAGENET_MEAN, IMAGENET_STD, in_chans)
    # A plugin may ignore ``pretrained``; only what it states itself is known to be loaded.
    source = f"not stated by {entry.id}" if pretrained else "random"
    provenance = getattr(net, "provenance", None) or Provenance(name.backbone, None, source)
    sizes = getattr(net, "probe_sizes", ((128, 256), (256, 512), (224, 224)))
    return LoadedBackbone(net, preprocessing, provenance, sizes)


def _neck(
    entry: Entry,
    channels: Mapping[str, int],
    strides: Mapping[str, int],
    levels: tuple[str, ...],
    options: Mapping[str, object],
) -> nn.Module:
    target = entry.factory()
    _check_options(f"neck {entry.name}", target, options, given=("channels", "strides", "levels"))
    built = target(channels, strides, levels=levels, **options)
    if not isinstance(built, nn.Module):
        raise ContractError(f"neck {entry.id} returned a {type(built).__name__}", fix="return a torch.nn.Module")
    for attribute in ("channels", "strides"):
        if not isinstance(getattr(built, attribute, None), Mapping):
            raise ContractError(
                f"neck {entry.id} has no mapping {attribute!r}", fix=f"set {attribute} (level → number) in __init__"
            )
    return built


def _check_options(
    owner: str, target: Callable[..., object], options: Mapping[str, object], *, given: tuple[str, ...]
) -> None:
    """Reject options that the signature of ``target`` does not have; ``given`` are set by the hub itself."""
    parameters = inspect.signature(target).parameters
    known = [n for n, p in parameters.items() if p.kind is not p.VAR_KEYWORD and n not in given]
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    for option in options:
        if option not in known and not open_ended:
            raise OptionError(
                f"{owner} has no option {option!r}.{did_you_mean(option, known)}",
                fix=f"its options are {', '.join(known) or '(none)'}",
            )
