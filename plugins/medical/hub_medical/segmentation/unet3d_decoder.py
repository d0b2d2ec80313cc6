"""The decoder of a U-Net for volumes, on features of any backbone.

Reference: Çiçek et al., 3D U-Net, 2016 (https://arxiv.org/abs/1606.06650).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Norm = Literal["group", "instance"]


class UNet3dDecoder(nn.Module):
    """From the coarsest level up: enlarge, put the next finer level beside it, convolve twice.

    Args:
        channels: of the levels, the finest first.
        widths: channels at each level but the coarsest, the finest first.
        norm: group norm (Wu and He 2018) of up to 8 groups, or instance norm: neither depends on how few volumes fit
            into a batch.
    """

    def __init__(self, channels: Sequence[int], widths: Sequence[int], *, norm: Norm = "group") -> None:
        super().__init__()
        *skips, coarsest = channels
        below = [*widths[1:], coarsest]
        self.blocks = nn.ModuleList(
            nn.Sequential(*_convolution(skip + low, width, norm), *_convolution(width, width, norm))
            for skip, low, width in zip(skips, below, widths, strict=True)
        )

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Maps at the size of every level but the coarsest.

        Args:
            features: (B, C, D, H, W) of each level, the finest first. Each may have another depth: it is enlarged to
                that of the next finer one.

        Returns:
            (B, width, D, H, W), the finest first.
        """
        *skips, x = features
        found: list[Tensor] = []
        for block, skip in reversed(list(zip(self.blocks, skips, strict=True))):
            x = F.interpolate(x, size=skip.shape[2:], mode="trilinear")
            x = block(torch.cat([skip.to(x.dtype), x], 1))
            found.insert(0, x)
        return found


def _convolution(channels: int, width: int, norm: Norm) -> list[nn.Module]:
    groups = width if norm == "instance" else max(g for g in range(1, 9) if width % g == 0)
    conv = nn.Conv3d(channels, width, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    return [conv, nn.GroupNorm(groups, width), nn.ReLU(inplace=True)]
