"""The backbone ``inflated``: a 2D network of timm, made one of volumes."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from hub.backbones import load_timm
from hub.errors import OptionError
from hub_medical.backbones.cpu_precision import volume_precision
from hub_medical.backbones.inflate import inflate


class Inflated(nn.Module):
    """Features of volumes whose slices are the channels of an image.

    Args:
        pretrained: as for `hub.create`: weights of the 2D network.
        in_chans: depth · channels of the image: slice after slice, the channels of each together.
        of: name of the 2D network, with timm's tag if one is wanted: ``resnet18``, ``resnet50.a1_in1k``.
        depth: slices of the volume.
        depth_kernel, depth_strides: see `hub_medical.backbones.inflate.inflate`.
        options: further options of the 2D network, those of ``timm.create_model``.

    Raises:
        OptionError: an option that is missing or does not fit.
        ContractError: the network holds layers that cannot be inflated.
        HubError: see `hub.backbones.timm_body.load_timm`.

    >>> import torch
    >>> volume = Inflated(of="resnet18", depth=8, in_chans=8)
    >>> [tuple(f.shape) for f in volume(torch.zeros(1, 8, 64, 64))][:3]
    [(1, 1, 8, 64, 64), (1, 64, 4, 32, 32), (1, 64, 2, 16, 16)]
    """

    probe_sizes = ((64, 64),)  # a volume is large enough as it is

    def __init__(
        self,
        *,
        pretrained: bool | str | os.PathLike[str] = False,
        in_chans: int = 3,
        of: str | None = None,
        depth: int | None = None,
        depth_kernel: int | None = None,
        depth_strides: Sequence[int] = (2, 2, 2, 2, 2),
        options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        channels = _check(in_chans, of, depth, depth_kernel, depth_strides)
        assert of is not None
        assert depth is not None
        name, _, tag = of.partition(".")
        loaded = load_timm(name, tag or None, pretrained=pretrained, in_chans=channels, options=options)
        self.depth = depth
        self.net = inflate(
            loaded.net, in_chans=channels, depth_kernel=depth_kernel, depth_strides=depth_strides, name=name
        )
        of_slice = loaded.preprocessing
        self.preprocessing = replace(of_slice, mean=of_slice.mean * depth, std=of_slice.std * depth, in_chans=in_chans)
        self.provenance = loaded.provenance

    def forward(self, x: Tensor) -> list[Tensor]:
        """Maps of volumes, finest first.

        Args:
            x: (B, D · C, H, W) normalized.

        Returns:
            (B, C, D, H, W), the volume itself, and (B, channels, ⌈D / depth stride⌉, H / stride, W / stride).
        """
        volume = x.unflatten(1, (self.depth, -1)).transpose(1, 2).contiguous()
        with volume_precision(volume):
            return [volume, *self.net(volume)]


def _check(
    in_chans: int, of: str | None, depth: int | None, depth_kernel: int | None, depth_strides: Sequence[int]
) -> int:
    """The channels of one slice."""
    example = "{of: resnet18, depth: 16}"
    if of is None or depth is None:
        missing = "of, the name of the 2D network" if of is None else "depth, the slices of a volume"
        raise OptionError(f"backbone inflated lacks the option {missing}", fix=f"write backbone: {example}")
    if depth < 1 or in_chans % depth:
        near = max(1, round(in_chans / max(depth, 1)))
        raise OptionError(
            f"backbone inflated: in_chans is {in_chans}, which is not a multiple of depth, {depth}: "
            "each slice has the same channels",
            fix=f"set in_chans to {max(depth, 1) * near}, or depth to {_divisor(in_chans, depth)}",
        )
    if depth_kernel is not None and (depth_kernel < 1 or depth_kernel % 2 == 0):
        raise OptionError(f"backbone inflated: depth_kernel is {depth_kernel}", fix="use 1, 3, 5 or 7, or leave it out")
    if len(depth_strides) > 5 or not set(depth_strides) <= {1, 2}:
        raise OptionError(
            f"backbone inflated: depth_strides are {list(depth_strides)}",
            fix="give 1 or 2 for each of c1 to c5, such as [1, 1, 2, 2, 2] where slices are thick",
        )
    return in_chans // depth


def _divisor(number: int, near: int) -> int:
    return min((n for n in range(1, number + 1) if number % n == 0), key=lambda n: abs(math.log(n / max(near, 1))))
