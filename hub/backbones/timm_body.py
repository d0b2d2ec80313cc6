"""Backbones from timm: any model with feature maps, and the preprocessing and provenance of its weights."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import timm
import torch
from torch import nn

from hub.backbones.classifier import take_classifier
from hub.backbones.local_weights import check_loaded, fingerprints, read_weights
from hub.backbones.online import check_download
from hub.backbones.stride_in_1x1 import move_stride_to_1x1
from hub.backbones.trunk import Provenance, plain_key
from hub.contract.classifier import PretrainedClassifier
from hub.errors import (
    CheckpointMismatchError,
    ContractError,
    DownloadError,
    OptionError,
    UnknownNameError,
    did_you_mean,
)
from hub.preprocessing import Preprocessing
from hub.quiet import quiet
from hub.timm_names import timm_names

log = logging.getLogger("hub")


@dataclass
class LoadedBackbone:
    """A network before the dry run of `hub.backbones.probe`.

    Attributes:
        net: the network.
        preprocessing: what its weights expect.
        provenance: where its weights come from.
        sizes: input sizes, (height, width) in pixels, to try in the dry run.
        classifier: the classifier of pretrained weights, if it was requested.
    """

    net: nn.Module
    preprocessing: Preprocessing
    provenance: Provenance
    sizes: tuple[tuple[int, int], ...]
    classifier: PretrainedClassifier | None = None


def load_timm(
    name: str,
    tag: str | None = None,
    *,
    pretrained: bool | str | os.PathLike[str] = False,
    in_chans: int = 3,
    options: Mapping[str, object] | None = None,
    known: Iterable[str] | None = None,
    pooled: bool = False,
) -> LoadedBackbone:
    """Create a timm model that gives feature maps.

    Args:
        name: timm's model name.
        tag: timm's pretrained tag, or None for the default tag.
        pretrained: True downloads the weights of the tag; a path reads them from that file.
        in_chans: channels of the image; timm adapts the pretrained first layer.
        options: further arguments of ``timm.create_model``, such as ``drop_path_rate`` or ``zero_init_last``, and
            ``stride_in_1x1`` for ResNets; see `hub.backbones.stride_in_1x1`.
        known: names to suggest if this one is unknown; timm's by default.
        pooled: create the complete classification model without its last layer, for
            `hub.backbones.probe.maps_and_pooled`, instead of the feature extractor.

    Raises:
        UnknownNameError: no such model or tag.
        ContractError: the model cannot give feature maps.
        OptionError: the model does not accept one of the options.
        DownloadError: the weights cannot be downloaded.
        CheckpointError, CheckpointMismatchError: the file is not readable, or belongs to another model.
    """
    if name not in timm_names():
        raise UnknownNameError(
            f"unknown backbone {name!r}.{did_you_mean(name, known or timm_names())}",
            fix="`hub list --backbones 'resnet*'`",
        )
    tags = [full.partition(".")[2] for full in timm.list_pretrained(f"{name}.*")]
    if tag is not None and tag not in tags and not timm.is_model_pretrained(f"{name}.{tag}"):
        raise UnknownNameError(
            f"{name} has no pretrained tag {tag!r}.{did_you_mean(tag, tags)}",
            fix=f"its tags are {', '.join(tags) or '(none)'}",
        )
    cfg = timm.get_pretrained_cfg(f"{name}.{tag}" if tag else name)
    local = pretrained if not isinstance(pretrained, bool) else None
    if pretrained is True and cfg.tag not in tags:
        raise UnknownNameError(f"timm has no pretrained weights for {name}", fix="create it with pretrained=False")
    if pretrained and tag is None:
        what = "its preprocessing" if local else "its weights"
        log.info("%s: no tag given; using timm's default %s for %s", name, cfg.tag, what)

    full_name = f"{name}.{tag}" if tag else name
    chosen = {**(options or {}), **({"features_only": False, "num_classes": 0} if pooled else {})}
    make = partial(_features, full_name, in_chans, cfg.fixed_input_size, chosen)
    if pretrained and pooled:
        make = partial(make, num_classes=_classes_of(cfg, local))
    if local is not None:
        net = _with_file(make, full_name, local)
        provenance = Provenance(name, tag, os.fspath(local), cfg.license if tag else None)
    elif pretrained:
        net = _with_download(make, name, cfg)
        provenance = Provenance(name, cfg.tag, cfg.hf_hub_id or cfg.url or "timm", cfg.license)
    else:
        start = torch.get_rng_state()
        net = make()
        if pooled:
            torch.set_rng_state(start)
            _copy_initial_weights(
                net, partial(_features, full_name, in_chans, cfg.fixed_input_size, dict(options or {}))
            )
        provenance = Provenance(name)
    classifier = None
    if pooled and pretrained:
        classifier = take_classifier(net, cfg.classifier if isinstance(cfg.classifier, str) else None)
        cast("Any", net).reset_classifier(0)
    return LoadedBackbone(
        net=net,
        preprocessing=preprocessing_for(cfg.mean, cfg.std, in_chans),
        provenance=provenance,
        sizes=((128, 256), (256, 512), tuple(cfg.input_size[-2:])),
        classifier=classifier,
    )


def _classes_of(cfg: Any, path: str | os.PathLike[str] | None) -> int:
    """Return the number of classes to load the classifier with; 0 if the file has no classifier of that size."""
    classes = int(cfg.num_classes)
    if path is None:
        return classes
    state = read_weights(path)
    weight = state.get(f"{cfg.classifier}.weight")
    return classes if weight is not None and len(weight) == classes else 0


def _features(name: str, in_chans: int, fixed_size: bool, options: dict[str, object], **weights: object) -> nn.Module:
    """Create a timm model, for any input size if it supports that; ``weights`` are timm's arguments about weights."""
    problem: Exception | None = None
    options = dict(options)
    stride_in_1x1 = options.pop("stride_in_1x1", False)
    for extra in _size_options(fixed_size):
        try:
            arguments = {"features_only": True, "in_chans": in_chans, **extra, **options, **weights}
            net: nn.Module = timm.create_model(name, **arguments)
            if stride_in_1x1:
                move_stride_to_1x1(net, name)
            return net
        except TypeError as error:  # this family of models does not have the option
            refused = [option for option in options if repr(option) in str(error)]
            if refused:
                raise OptionError(
                    f"{name} does not accept the backbone option {refused[0]!r}",
                    fix="backbone options are the arguments of timm.create_model for this model",
                ) from error
            problem = error
        except OptionError:
            raise
        except Exception as error:  # timm and its downloaders raise many types
            problem = error
            break
    raise ContractError(f"{name} cannot give feature maps ({problem})", fix="choose another backbone") from problem


def _copy_initial_weights(net: nn.Module, make: Callable[[], nn.Module]) -> None:
    """Give a complete model the initial weights that its feature extractor would get.

    Some families draw them in another order, but adding a head that reads the pooled vector must not change the
    initial weights of the trunk.
    """
    maps = {plain_key(f"body.net.{name}"): tensor for name, tensor in make().state_dict().items()}
    net.load_state_dict({name: maps.get(plain_key(f"body.net.{name}"), t) for name, t in net.state_dict().items()})


def _with_file(make: Callable[..., nn.Module], name: str, path: str | os.PathLike[str]) -> nn.Module:
    state = read_weights(path)
    known = fingerprints(state)  # before timm adapts the state dict in place
    try:
        # timm lists unused keys; `check_loaded` reports the relevant part.
        with quiet("timm.models._builder"):
            net = make(pretrained=True, pretrained_cfg_overlay={"state_dict": state})
    except ContractError as error:
        make()  # raises if the model is the cause, not the file
        raise CheckpointMismatchError(
            f"{os.fspath(path)} does not hold weights of {name}: {_reason(error.__cause__)}",
            fix="use the backbone that the file was made for, with timm's parameter names",
        ) from error.__cause__
    check_loaded(net, known, name=name, path=path)
    return net


def _with_download(make: Callable[..., nn.Module], name: str, cfg: Any) -> nn.Module:
    check_download(f"{name}.{cfg.tag}", url=cfg.url or None, hub_id=cfg.hf_hub_id or None)
    try:
        return make(pretrained=True)
    except ContractError as error:
        make()  # raises if the model is the cause, not the connection
        raise DownloadError(
            f"cannot download the pretrained weights of {name}.{cfg.tag} "
            f"from {cfg.hf_hub_id or cfg.url}: {_reason(error.__cause__)}",
            fix="check the network connection, or download the file on another machine and pass "
            "pretrained='path/to/file.safetensors' (in a config: model.pretrained)",
        ) from error.__cause__


def _reason(error: BaseException | None) -> str:
    """Return the last line of an error's text, which usually has the cause."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def _size_options(fixed: bool) -> Iterator[dict[str, object]]:
    """Yield the options that make a model of fixed input size accept other sizes, then no option."""
    if fixed:
        yield {"dynamic_img_size": True}
        yield {"strict_img_size": False}
    yield {}


def preprocessing_for(mean: tuple[float, ...], std: tuple[float, ...], in_chans: int) -> Preprocessing:
    """Return the preprocessing for an RGB mean and std and a number of channels.

    >>> preprocessing_for((0.4, 0.5, 0.6), (0.2, 0.2, 0.2), 2).mean
    (0.5, 0.5)
    """
    if in_chans == len(mean):
        return Preprocessing(tuple(mean), tuple(std), in_chans)
    # For other than RGB channels, each gets the average, because timm sums or repeats the first kernel.
    return Preprocessing((sum(mean) / len(mean),) * in_chans, (sum(std) / len(std),) * in_chans, in_chans)
