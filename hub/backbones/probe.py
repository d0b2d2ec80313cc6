"""Find the levels of a backbone with a dry run, instead of trusting its metadata."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, cast

import torch
from torch import Tensor, nn

from hub.errors import ContractError


@dataclass(frozen=True)
class Probe:
    """The result of a dry run.

    Attributes:
        levels: level → index in the output list of the network, for the levels that are kept.
        channels: level → channels.
        strides: level → stride in pixels.
        channels_last: whether the feature maps are (B, H, W, C).
        size: (height, width) in pixels of the input that worked.
        pooled: channels of the vector that the network's classifier reads, if it was requested.
        shapes: level → shape of its features (1, C, H, W) for an image of ``size``, as `Body` returns them.
    """

    levels: dict[str, int]
    channels: dict[str, int]
    strides: dict[str, int]
    channels_last: bool
    size: tuple[int, int]
    pooled: int | None = None
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


class PoolingNetwork(Protocol):
    """The two methods of timm's classifiers that give feature maps and the pooled vector in one pass."""

    def forward_intermediates(self, x: Tensor, *, output_fmt: str) -> tuple[Tensor, Sequence[Tensor]]:
        """Return the last features and all feature maps."""

    def forward_head(self, x: Tensor, *, pre_logits: bool) -> Tensor:
        """Return the vector that the classifier reads."""


class Body(nn.Module):
    """A backbone with one feature map (B, C, H, W) per level, or (B, C, D, H, W) for volumes.

    If a backbone has several maps of one stride (vision transformers), the last one is taken. Maps of layout
    (B, H, W, C) (Swin) are permuted.
    """

    def __init__(self, net: nn.Module, probe: Probe) -> None:
        super().__init__()
        self.net = net
        self.keep = tuple(probe.levels.values())
        self.permute = probe.channels_last
        self.pools = probe.pooled is not None

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return one feature map per level, finest first, and the pooled vector last if it was requested.

        Args:
            x: (B, in_chans, H, W).
        """
        if self.pools:
            features, pooled = maps_and_pooled(cast("PoolingNetwork", self.net), x)
            return [*(features[i] for i in self.keep), pooled]
        features = self.net(x)
        kept = [features[i] for i in self.keep]
        return [f.permute(0, 3, 1, 2).contiguous() for f in kept] if self.permute else kept


def maps_and_pooled(net: PoolingNetwork, x: Tensor) -> tuple[Sequence[Tensor], Tensor]:
    """Return the feature maps, each (B, C, H, W), and the input of the network's classifier, (B, C), in one pass.

    Args:
        net: a classification network.
        x: (B, in_chans, H, W).
    """
    last, maps = net.forward_intermediates(x, output_fmt="NCHW")
    return maps, net.forward_head(last, pre_logits=True)


def probe(net: nn.Module, *, in_chans: int, sizes: Sequence[tuple[int, int]], name: str, pooled: bool = False) -> Probe:
    """Run ``net`` once on zeros and derive the levels from its outputs.

    A level is named after its stride along height and width: ``c{log2(stride)}``. Feature maps may have further
    spatial axes before these two, of any stride.

    Args:
        net: maps (1, in_chans, H, W) to a list of feature maps.
        in_chans: channels of the image.
        sizes: input sizes, (height, width) in pixels, tried in this order, for networks that accept only some.
        name: for messages.
        pooled: also request the vector that its classifier reads; see `maps_and_pooled`.

    Raises:
        ContractError: the network returns no feature maps, a stride is not a power of two, or it has no pooled vector.
    """
    if pooled and not all(hasattr(net, method) for method in ("forward_intermediates", "forward_head")):
        raise ContractError(
            f"{name} does not give the pooled vector that its classifier reads",
            fix="use the average of a feature map instead: from_level: c5",
        )
    was_training = net.training
    net.eval()
    features: Sequence[Tensor] | None = None
    vector: Tensor | None = None
    problem: Exception | None = None
    for size in sizes:
        try:
            with torch.no_grad():
                x = torch.zeros(1, in_chans, *size)
                features, vector = maps_and_pooled(cast("PoolingNetwork", net), x) if pooled else (net(x), None)
            break
        except (RuntimeError, AssertionError, ValueError, IndexError) as error:
            problem = error
    net.train(was_training)
    if features is None or not all(isinstance(f, Tensor) and f.ndim >= 4 for f in features):
        why = problem if features is None else "its outputs are not feature maps (B, C, H, W)"
        raise ContractError(
            f"{name} gives no feature maps ({why})",
            fix="choose another backbone: `hub list --backbones`",
        ) from problem

    if vector is not None and vector.ndim != 2:
        raise ContractError(
            f"the classifier of {name} reads a tensor of shape {tuple(vector.shape)}, not one vector per image",
            fix="use the average of a feature map instead: from_level: c5",
        )
    last = _is_channels_last(features, size)
    levels, channels, strides, shapes = {}, {}, {}, {}
    for i, f in enumerate(features):
        height = f.shape[1] if last else f.shape[-2]
        stride = size[0] / height
        exponent = round(math.log2(stride))
        if 2**exponent != round(stride, 1):
            raise ContractError(
                f"{name} has features of stride {stride:.4g}, which is not a power of two",
                fix="choose a variant whose strides are powers of two, for example with patches of 16",
            )
        level = f"c{exponent}"
        levels[level], channels[level], strides[level] = i, f.shape[3 if last else 1], 2**exponent
        shapes[level] = tuple(f.permute(0, 3, 1, 2).shape if last else f.shape)
    order = sorted(levels, key=lambda n: strides[n])
    return Probe(
        {n: levels[n] for n in order},
        {n: channels[n] for n in order},
        {n: strides[n] for n in order},
        channels_last=last,
        size=size,
        pooled=None if vector is None else vector.shape[1],
        shapes={n: shapes[n] for n in order},
    )


def _is_channels_last(features: Sequence[Tensor], size: tuple[int, int]) -> bool:
    """Return whether the maps are (B, H, W, C): only the two middle dimensions have the image's aspect ratio."""
    if any(f.ndim != 4 for f in features):
        return False
    aspect = size[0] / size[1]
    first = all(math.isclose(f.shape[2] / f.shape[3], aspect, rel_tol=0.01) for f in features)
    return not first and all(math.isclose(f.shape[1] / f.shape[2], aspect, rel_tol=0.01) for f in features)
