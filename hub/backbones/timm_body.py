"""Backbones from timm: any model that can give features, with its weights' preprocessing and provenance."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import timm
import torch
from torch import nn

from hub.backbones.classifier import take_classifier
from hub.backbones.local_weights import check_loaded, fingerprints, read_weights
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
    """A network before it is probed, with what is known of it."""

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
    options: Mapping[str, Any] | None = None,
    known: Iterable[str] | None = None,
    pooled: bool = False,
) -> LoadedBackbone:
    """Create a timm model that gives features.

    Args:
        name: timm's model name.
        tag: timm's pretrained tag, or None for its default one.
        pretrained: True downloads the tag's weights; a path reads them from that file.
        in_chans: channels of the image; timm adapts pretrained first layers.
        options: further arguments of ``timm.create_model``, such as ``drop_path_rate`` or ``zero_init_last``.
        known: names to suggest from where this one is unknown, timm's own by default.
        pooled: the whole classification model without its last layer, for `maps_and_pooled`, instead of the part
            that gives feature maps.

    Raises:
        UnknownNameError: no such model or tag.
        ContractError: the model cannot give features.
        OptionError: the model does not take one of the options.
        DownloadError: the weights cannot be fetched.
        CheckpointError, CheckpointMismatchError: the file given is not readable, or another model's.
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
            fix=f"known: {', '.join(tags) or 'none'}",
        )
    cfg = timm.get_pretrained_cfg(f"{name}.{tag}" if tag else name)
    local = pretrained if not isinstance(pretrained, bool) else None
    if pretrained is True and cfg.tag not in tags:
        raise UnknownNameError(f"timm has no pretrained weights for {name}", fix="create it with pretrained=False")
    if pretrained and tag is None:
        what = "its preprocessing" if local else "its weights"
        log.info("%s: no tag given; using timm's default, %s, for %s", name, cfg.tag, what)

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
            _start_as_maps(net, partial(_features, full_name, in_chans, cfg.fixed_input_size, dict(options or {})))
        provenance = Provenance(name)
    classifier = None
    if pooled and pretrained:
        classifier = take_classifier(net, cfg.classifier if isinstance(cfg.classifier, str) else None)
        net.reset_classifier(0)  # type: ignore[operator]
    return LoadedBackbone(
        net=net,
        preprocessing=preprocessing_for(cfg.mean, cfg.std, in_chans),
        provenance=provenance,
        sizes=((128, 256), (256, 512), tuple(cfg.input_size[-2:])),
        classifier=classifier,
    )


def _classes_of(cfg: Any, path: str | os.PathLike[str] | None) -> int:
    """How many classes to build the classifier with, to load it too: none where a file has another, or none."""
    if path is None:
        return cfg.num_classes
    state = read_weights(path)
    weight = state.get(f"{cfg.classifier}.weight")
    return cfg.num_classes if weight is not None and len(weight) == cfg.num_classes else 0


def _features(name: str, in_chans: int, fixed_size: bool, options: dict[str, Any], **weights: Any) -> nn.Module:
    """A timm model that gives features, of any input size where it can; ``weights`` says what to load."""
    problem: Exception | None = None
    for extra in _size_options(fixed_size):
        try:
            asked = {"features_only": True, "in_chans": in_chans, **extra, **options, **weights}
            return timm.create_model(name, **asked)
        except TypeError as error:  # this family does not know the option
            refused = [option for option in options if repr(option) in str(error)]
            if refused:
                raise OptionError(
                    f"{name} does not take the backbone option {refused[0]!r}",
                    fix="backbone options are those of timm's create_model for this model",
                ) from error
            problem = error
        except Exception as error:  # timm and its downloaders raise many kinds
            problem = error
            break
    raise ContractError(f"{name} cannot give feature maps ({problem})", fix="choose another backbone") from problem


def _start_as_maps(net: nn.Module, make: Callable[[], nn.Module]) -> None:
    """Give a whole model of random weights those that the part that gives maps would have.

    Some families draw them in another order; a head that reads the pooled vector must not move what others start from.
    """
    maps = {plain_key(f"body.net.{name}"): tensor for name, tensor in make().state_dict().items()}
    net.load_state_dict({name: maps.get(plain_key(f"body.net.{name}"), t) for name, t in net.state_dict().items()})


def _with_file(make: Callable[..., nn.Module], name: str, path: str | os.PathLike[str]) -> nn.Module:
    state = read_weights(path)
    known = fingerprints(state)  # before timm adapts the state dict in place
    try:
        # timm lists keys that it did not use; `check_loaded` says what matters of it.
        with quiet("timm.models._builder"):
            net = make(pretrained=True, pretrained_cfg_overlay={"state_dict": state})
    except ContractError as error:
        make()  # raises where the model is to blame, not the file
        raise CheckpointMismatchError(
            f"{os.fspath(path)} does not hold weights of {name}: {_reason(error.__cause__)}",
            fix="name the backbone that the file was made for, in timm's format",
        ) from error.__cause__
    check_loaded(net, known, name=name, path=path)
    return net


def _with_download(make: Callable[..., nn.Module], name: str, cfg: Any) -> nn.Module:
    try:
        return make(pretrained=True)
    except ContractError as error:
        make()  # raises where the model is to blame, not the network
        raise DownloadError(
            f"cannot fetch the pretrained weights of {name}.{cfg.tag} "
            f"from {cfg.hf_hub_id or cfg.url}: {_reason(error.__cause__)}",
            fix="check the network, or fetch the file elsewhere and pass "
            "pretrained='path/to/file.safetensors' (in a config: model.pretrained)",
        ) from error.__cause__


def _reason(error: BaseException | None) -> str:
    """The part of an error's text that tells most in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def _size_options(fixed: bool) -> Iterator[dict[str, Any]]:
    """Ways to ask a model of fixed input size for any size, then none."""
    if fixed:
        yield {"dynamic_img_size": True}
        yield {"strict_img_size": False}
    yield {}


def preprocessing_for(mean: tuple[float, ...], std: tuple[float, ...], in_chans: int) -> Preprocessing:
    """Mean and std of RGB, for images of so many channels.

    >>> preprocessing_for((0.4, 0.5, 0.6), (0.2, 0.2, 0.2), 2).mean
    (0.5, 0.5)
    """
    if in_chans == len(mean):
        return Preprocessing(tuple(mean), tuple(std), in_chans)
    # Weights for RGB on other channels: each gets the average, as timm sums or repeats the first kernel.
    return Preprocessing((sum(mean) / len(mean),) * in_chans, (sum(std) / len(std),) * in_chans, in_chans)
