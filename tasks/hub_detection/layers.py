"""Convolutions as heads use them: 3 × 3, a norm where asked for, and ReLU."""

from __future__ import annotations

from typing import Literal

from torch import nn

from hub.backbones.norm import make_norm

Norm = Literal["none", "batch", "frozen", "group", "sync"]


def conv_tower(
    channels: int, width: int, depth: int, *, norm: Norm = "none", bias: bool | None = None
) -> nn.Sequential:
    """``depth`` convolutions of ``width`` channels, each with its norm and ReLU.

    They start as He et al. 2015 (https://arxiv.org/abs/1502.01852) for ReLU, with the fan of the output.

    Args:
        channels: of the input.
        width: of every layer.
        depth: 0 gives an empty tower.
        norm: ``"none"`` or a kind that `hub.backbones.norm.set_norm` knows.
        bias: of the convolutions; by default they have one where there is no norm.

    >>> [type(layer).__name__ for layer in conv_tower(8, 16, 1, norm="batch")[0]]
    ['Conv2d', 'BatchNorm2d', 'ReLU']
    """
    blocks: list[nn.Module] = []
    bias = norm == "none" if bias is None else bias
    for i in range(depth):
        conv = nn.Conv2d(channels if i == 0 else width, width, 3, padding=1, bias=bias)
        nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
        if conv.bias is not None:
            nn.init.zeros_(conv.bias)
        layers: list[nn.Module] = [conv, *([] if norm == "none" else [make_norm(norm, width)]), nn.ReLU(inplace=True)]
        blocks.append(nn.Sequential(*layers))
    return nn.Sequential(*blocks)
