"""Backbones from timm: any model that can give features, with its weights' preprocessing and provenance."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import timm
from torch import nn

from hub.backbones.timm_names import timm_names
from hub.backbones.trunk import Provenance
from hub.errors import CheckpointMismatchError, ContractError, DownloadError, UnknownNameError, did_you_mean
from hub.preprocessing import Preprocessing

log = logging.getLogger("hub")


@dataclass
class LoadedBackbone:
    """A network before it is probed, with what is known of it."""

    net: nn.Module
    preprocessing: Preprocessing
    provenance: Provenance
    sizes: tuple[tuple[int, int], ...]


def load_timm(
    name: str, tag: str | None = None, *, pretrained: bool | str | os.PathLike[str] = False, in_chans: int = 3
) -> LoadedBackbone:
    """Create a timm model that gives features.

    Args:
        name: timm's model name.
        tag: timm's pretrained tag, or None for its default one.
        pretrained: True downloads the tag's weights; a path reads them from that file.
        in_chans: channels of the image; timm adapts pretrained first layers.

    Raises:
        UnknownNameError: no such model or tag.
        ContractError: the model cannot give features.
        DownloadError: the weights cannot be had.
        CheckpointMismatchError: the file given holds another model's weights.
    """
    if name not in timm_names():
        raise UnknownNameError(
            f"unknown backbone {name!r}.{did_you_mean(name, timm_names())}", fix="`hub list --backbones 'resnet*'`"
        )
    tags = [full.partition(".")[2] for full in timm.list_pretrained(f"{name}.*")]
    if tag is not None and tag not in tags and not timm.is_model_pretrained(f"{name}.{tag}"):
        raise UnknownNameError(
            f"{name} has no pretrained tag {tag!r}.{did_you_mean(tag, tags)}", fix=f"known: {', '.join(tags) or 'none'}"
        )
    cfg = timm.get_pretrained_cfg(f"{name}.{tag}" if tag else name)
    local = pretrained if not isinstance(pretrained, bool) else None
    if pretrained is True and cfg.tag not in tags:
        raise UnknownNameError(f"timm has no pretrained weights for {name}", fix="create it with pretrained=False")
    if pretrained is True and tag is None:
        log.info("%s: no tag given; using timm's default, %s", name, cfg.tag)

    net = None
    problem: Exception | None = None
    for extra in _size_options(cfg.fixed_input_size):
        try:
            net = timm.create_model(
                f"{name}.{tag}" if tag else name,
                features_only=True,
                in_chans=in_chans,
                pretrained=bool(pretrained),
                **({"pretrained_cfg_overlay": {"file": os.fspath(local)}} if local else {}),
                **extra,
            )
            break
        except TypeError as error:  # this family does not know the option
            problem = error
        except FileNotFoundError as error:
            raise DownloadError(f"weights {local} do not exist", fix="check the path") from error
        except RuntimeError as error:
            if local and "state_dict" in str(error):
                raise CheckpointMismatchError(
                    f"{local} does not hold weights of {name}: {str(error).splitlines()[0]}", fix="name the right backbone"
                ) from None
            if pretrained and not local:
                raise _download_error(name, cfg, error) from error
            problem = error
            break
        except Exception as error:  # timm and its downloaders raise many kinds
            if pretrained:
                raise _download_error(name, cfg, error) from error
            problem = error
            break
    if net is None:
        raise ContractError(f"{name} cannot give feature maps ({problem})", fix="choose another backbone") from problem

    source = os.fspath(local) if local else (cfg.hf_hub_id or cfg.url or "timm") if pretrained else "random"
    size = cfg.input_size[-2:]
    return LoadedBackbone(
        net=net,
        preprocessing=_preprocessing(cfg.mean, cfg.std, in_chans),
        provenance=Provenance(
            name, cfg.tag if pretrained is True else tag if local else None, source, cfg.license if pretrained else None
        ),
        sizes=((128, 256), (256, 512), tuple(size)),
    )


def _size_options(fixed: bool) -> Iterator[dict[str, Any]]:
    """Ways to ask a model of fixed input size for any size, then none."""
    if fixed:
        yield {"dynamic_img_size": True}
        yield {"strict_img_size": False}
    yield {}


def _preprocessing(mean: tuple[float, ...], std: tuple[float, ...], in_chans: int) -> Preprocessing:
    if in_chans == len(mean):
        return Preprocessing(tuple(mean), tuple(std), in_chans)
    # Weights for RGB on other channels: each channel gets the average, as timm sums or repeats the first kernel.
    return Preprocessing((sum(mean) / len(mean),) * in_chans, (sum(std) / len(std),) * in_chans, in_chans)


def _download_error(name: str, cfg: Any, error: Exception) -> DownloadError:
    where = cfg.hf_hub_id or cfg.url
    first = (str(error).splitlines() or [type(error).__name__])[0]
    return DownloadError(
        f"cannot fetch the pretrained weights of {name}.{cfg.tag} from {where}: {first}",
        fix="check the network, or fetch the file elsewhere and pass pretrained='path/to/file.safetensors' "
        "(in a config: model.pretrained)",
    )
