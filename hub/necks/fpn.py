"""The feature pyramid network of Lin et al. 2017 (https://arxiv.org/abs/1612.03144), for any backbone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from hub.backbones.norm import make_norm
from hub.errors import OptionError
from hub.seeds import draw_seed, isolated_rng


class FPN(nn.Module):
    """Turns backbone features of any strides into the levels ``p2``…``p7`` with equal channels.

    Levels that the backbone lacks are derived from its nearest level, by transposed convolutions and pooling as in
    ViTDet (Li et al. 2022, https://arxiv.org/abs/2203.16527, section 3), so a plain ViT works too.

    Args:
        channels: backbone level → channels.
        strides: backbone level → stride.
        levels: levels to compute, a subset of p2…p7.
        out_channels: channels of every level.
        norm: normalization after each convolution, or None; see `hub.backbones.norm.set_norm`.
        top: how p6 is computed from p5: ``"pool"`` (Faster R-CNN) or ``"conv"`` (RetinaNet,
            https://arxiv.org/abs/1708.02002). p7 is always a convolution of p6. A backbone with a level of stride 64
            gives p6 itself.

    The weights and outputs of a level do not depend on which other levels are requested.

    Attributes:
        channels, strides: level → channels and stride in pixels.

    Raises:
        OptionError: a level is not one of p2…p7.
    """

    def __init__(
        self,
        channels: Mapping[str, int],
        strides: Mapping[str, int],
        *,
        levels: tuple[str, ...] = ("p2", "p3", "p4", "p5", "p6"),
        out_channels: int = 256,
        norm: str | None = None,
        top: Literal["pool", "conv"] = "pool",
    ) -> None:
        super().__init__()
        wrong = [level for level in levels if level not in {f"p{i}" for i in range(2, 8)}]
        if wrong or not levels:
            raise OptionError(f"an FPN has no level {wrong[0] if wrong else '(none)'}", fix="choose from p2 … p7")
        if top not in ("pool", "conv"):
            raise OptionError(f"unknown top={top!r}, which computes p6", fix="choose pool or conv")
        numbers = sorted({int(level[1]) for level in levels})
        self.levels = tuple(f"p{i}" for i in numbers)
        # The top-down pathway starts at p5, or at the deepest level of a backbone that goes further: all its layers
        # are read whatever levels are requested.
        highest = min(7, max(5, *(int(level[1:]) for level in channels)))
        self.core = range(min(numbers[0], highest), highest + 1)
        self.extra = range(highest + 1, numbers[-1] + 1)
        self.top = top
        self.source = {i: min(channels, key=lambda n: (abs(int(n[1:]) - i), -int(n[1:]))) for i in self.core}

        seed = draw_seed()

        def conv(part: str, i: int, inp: int, kernel: int, stride: int = 1) -> nn.Module:
            with isolated_rng(seed, part, i):
                layer = nn.Conv2d(inp, out_channels, kernel, stride, kernel // 2, bias=norm is None)
                nn.init.kaiming_uniform_(layer.weight, a=1)  # as in the reference implementations of FPN
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
            return layer if norm is None else nn.Sequential(layer, make_norm(norm, out_channels))

        self.resample = nn.ModuleDict()
        for i, n in self.source.items():
            if int(n[1:]) != i:
                with isolated_rng(seed, "resample", i):
                    self.resample[f"p{i}"] = _resample(int(n[1:]) - i, channels[n])
        self.lateral = nn.ModuleDict({f"p{i}": conv("lateral", i, channels[n], 1) for i, n in self.source.items()})
        outputs = [i for i in self.core if i in numbers or (i == highest and self.extra)]
        self.output = nn.ModuleDict({f"p{i}": conv("output", i, out_channels, 3) for i in outputs})
        convs = [i for i in self.extra if self.top == "conv" or i > 6]
        self.extra_convs = nn.ModuleDict({f"p{i}": conv("extra", i, out_channels, 3, 2) for i in convs})
        self.channels = dict.fromkeys(self.levels, out_channels)
        self.strides = {level: 2 ** int(level[1]) for level in self.levels}

    def forward(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Compute the pyramid levels, finest first.

        Args:
            features: backbone level → (B, C, H / stride, W / stride).

        Returns:
            ``p*`` → (B, out_channels, H / 2**i, W / 2**i).
        """
        out: dict[str, Tensor] = {}
        above: Tensor | None = None
        for i in reversed(self.core):
            level = f"p{i}"
            x = features[self.source[i]]
            if level in self.resample:
                x = self.resample[level](x)
            x = self.lateral[level](x)
            if above is not None:
                x = x + F.interpolate(above, size=x.shape[-2:], mode="nearest")
            above = x
            if level in self.output:
                out[level] = self.output[level](x)
        for i in self.extra:
            level, below = f"p{i}", f"p{i - 1}"
            if level not in self.extra_convs:
                out[level] = F.max_pool2d(out[below], kernel_size=1, stride=2)
            else:
                out[level] = self.extra_convs[level](out[below] if i == 6 else F.relu(out[below]))
        return {level: out[level] for level in self.levels}


def _resample(steps: int, channels: int) -> nn.Module:
    """Double the size ``steps`` times with transposed convolutions; negative ``steps`` halve it by pooling."""
    if steps < 0:
        return nn.MaxPool2d(kernel_size=2**-steps, stride=2**-steps, ceil_mode=True)
    layers: list[nn.Module] = []
    for step in range(steps):
        layers += [nn.GELU()] if step else []
        layers += [nn.ConvTranspose2d(channels, channels, 2, 2)]
    return nn.Sequential(*layers)
