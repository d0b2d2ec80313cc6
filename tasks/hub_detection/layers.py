"""Convolution blocks of the heads: 3 × 3, an optional norm, and ReLU."""

from __future__ import annotations

from torch import nn

from hub.backbones import make_norm
from hub_detection.options import Norm


def conv_tower(
    in_channels: int, channels: int, num_convs: int, *, norm: Norm = "none", bias: bool | None = None
) -> nn.Sequential:
    """Stack ``num_convs`` convolutions, each followed by its norm and ReLU.

    They are initialized as in He et al. 2015 (https://arxiv.org/abs/1502.01852) for ReLU, with the fan-out.

    Args:
        in_channels: of the input.
        channels: of every layer.
        num_convs: 0 gives an empty tower.
        norm: ``"none"`` or a kind that `hub.backbones.norm.set_norm` accepts.
        bias: whether the convolutions have one; by default only without a norm.

    >>> [type(layer).__name__ for layer in conv_tower(8, 16, 1, norm="batch")[0]]
    ['Conv2d', 'BatchNorm2d', 'ReLU']
    """
    blocks: list[nn.Module] = []
    bias = norm == "none" if bias is None else bias
    for i in range(num_convs):
        conv = nn.Conv2d(channels if i else in_channels, channels, 3, padding=1, bias=bias)
        nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
        if conv.bias is not None:
            nn.init.zeros_(conv.bias)
        norms = [] if norm == "none" else [make_norm(norm, channels)]
        blocks.append(nn.Sequential(conv, *norms, nn.ReLU(inplace=True)))
    return nn.Sequential(*blocks)
