"""What a backbone gives is found by running it once, not by trusting its metadata."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from hub.errors import ContractError


@dataclass(frozen=True)
class Probe:
    """What a dry run found: for each level kept its place in the body's list, its channels and its stride.

    ``pooled`` is the width of the vector that the network's own classifier reads, where that was asked for.
    """

    levels: dict[str, int]
    channels: dict[str, int]
    strides: dict[str, int]
    channels_last: bool
    size: tuple[int, int]
    pooled: int | None = None


class Body(nn.Module):
    """A backbone that gives one feature map of layout (B, C, H, W) for each level, or (B, C, D, H, W) for volumes.

    Backbones with several maps of one stride (vision transformers) give the last, and those that compute in
    (B, H, W, C) (Swin) are brought into torch's layout.
    """

    def __init__(self, net: nn.Module, probe: Probe) -> None:
        super().__init__()
        self.net = net
        self.keep = tuple(probe.levels.values())
        self.permute = probe.channels_last
        self.pools = probe.pooled is not None

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, in_chans, H, W) to one map a level, finest first, and last the pooled vector where it is wanted."""
        if self.pools:
            features, pooled = maps_and_pooled(self.net, x)
            return [*(features[i] for i in self.keep), pooled]
        features = self.net(x)
        kept = [features[i] for i in self.keep]
        return [f.permute(0, 3, 1, 2).contiguous() for f in kept] if self.permute else kept


def maps_and_pooled(net: Any, x: Tensor) -> tuple[Sequence[Tensor], Tensor]:
    """The feature maps, (B, C, H, W), and what the network's own classifier reads, (B, C), in one pass.

    Args:
        net: with the two methods of timm's classifiers, ``forward_intermediates`` and ``forward_head``.
        x: (B, in_chans, H, W).
    """
    last, maps = net.forward_intermediates(x, output_fmt="NCHW")
    return maps, net.forward_head(last, pre_logits=True)


def probe(net: nn.Module, *, in_chans: int, sizes: Sequence[tuple[int, int]], name: str, pooled: bool = False) -> Probe:
    """Run ``net`` once on zeros and read the levels off its outputs.

    A level is named after its stride along height and width: ``c{log2(stride)}``. Maps may have further spatial axes
    before these two, of whatever stride.

    Args:
        net: maps (1, in_chans, H, W) to a list of feature maps.
        in_chans: channels of the image.
        sizes: (height, width) in pixels to try, in this order, for networks that take only some.
        name: for messages.
        pooled: also find the vector that its classifier reads; see `maps_and_pooled`.

    Raises:
        ContractError: the network gives no feature maps, or of other strides than powers of two, or no such vector.
    """
    if pooled and not all(hasattr(net, method) for method in ("forward_intermediates", "forward_head")):
        raise ContractError(
            f"{name} does not give the vector that its own classifier reads",
            fix="average a level of it instead: from_level: c5",
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
                features, vector = maps_and_pooled(net, x) if pooled else (net(x), None)
            break
        except (RuntimeError, AssertionError, ValueError, IndexError) as error:
            problem = error
    net.train(was_training)
    if features is None or not all(isinstance(f, Tensor) and f.ndim >= 4 for f in features):
        why = problem if features is None else "its outputs are not maps, (B, C, H, W)"
        raise ContractError(
            f"{name} gives no feature maps ({why})",
            fix="choose a backbone with feature maps: `hub list --backbones`",
        ) from problem

    if vector is not None and vector.ndim != 2:
        raise ContractError(
            f"{name} gives its classifier something of shape {tuple(vector.shape)}, not one vector an image",
            fix="average a level of it instead: from_level: c5",
        )
    last = _is_channels_last(features, size)
    levels, channels, strides = {}, {}, {}
    for i, f in enumerate(features):
        height = f.shape[1] if last else f.shape[-2]
        stride = size[0] / height
        exponent = round(math.log2(stride))
        if 2**exponent != round(stride, 1):
            raise ContractError(
                f"{name} has features of stride {stride:.4g}, which is no power of two",
                fix="choose a variant with a power of two, for example one with patches of 16",
            )
        level = f"c{exponent}"
        levels[level], channels[level], strides[level] = i, f.shape[3 if last else 1], 2**exponent
    order = sorted(levels, key=lambda n: strides[n])
    return Probe(
        {n: levels[n] for n in order},
        {n: channels[n] for n in order},
        {n: strides[n] for n in order},
        channels_last=last,
        size=size,
        pooled=None if vector is None else vector.shape[1],
    )


def _is_channels_last(features: Sequence[Tensor], size: tuple[int, int]) -> bool:
    """Whether the maps are (B, H, W, C): the middle dimensions alone have the image's aspect ratio."""
    if any(f.ndim != 4 for f in features):
        return False
    aspect = size[0] / size[1]
    first = all(math.isclose(f.shape[2] / f.shape[3], aspect, rel_tol=0.01) for f in features)
    return not first and all(math.isclose(f.shape[1] / f.shape[2], aspect, rel_tol=0.01) for f in features)
