"""Semantic FPN (Kirillov et al. 2019, https://arxiv.org/abs/1901.02446, section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, PositiveInt
from torch import Tensor, nn

from hub import Features, LabelSpace
from hub_segmentation.head import SemanticHead, SemanticOptions


class SemanticFPNOptions(SemanticOptions):
    """Options of `SemanticFPN`: these, and those of `SemanticOptions`.

    Attributes:
        from_levels: pyramid levels that are fused, finest first.
        decoder_channels: channels of the decoder.
    """

    from_levels: Annotated[tuple[str, ...], Field(min_length=1)] = ("p2", "p3", "p4", "p5")
    decoder_channels: PositiveInt = 128


class SemanticFPN(SemanticHead[SemanticFPNOptions]):
    """Upsample every level to the finest one's size, by 3 × 3 convolutions and factors of 2, and add them up.

    Args:
        channels, strides: level → channels, stride.
        labels: the classes.
        options: see `SemanticFPNOptions`.
    """

    def __init__(
        self,
        channels: Mapping[str, int],
        strides: Mapping[str, int],
        labels: LabelSpace,
        options: SemanticFPNOptions,
    ) -> None:
        super().__init__(channels, strides, labels, options)
        width = options.decoder_channels
        finest = min(strides[level] for level in options.from_levels)
        self.branches = nn.ModuleDict(
            {level: _branch(channels[level], width, strides[level] // finest) for level in options.from_levels}
        )
        self.predictor = nn.Conv2d(width, len(labels), 1)
        nn.init.normal_(self.predictor.weight, std=0.01)
        assert self.predictor.bias is not None
        nn.init.zeros_(self.predictor.bias)

    @classmethod
    def levels(cls, options: SemanticFPNOptions) -> tuple[str, ...]:
        """Return the levels that are fused."""
        return options.from_levels

    def logits(self, features: Features) -> Tensor:
        """Return (B, classes, h, w) at the finest level's size."""
        finest, *coarser = self.options.from_levels
        fused = self.branches[finest](features[finest])
        for level in coarser:
            rows, columns = fused.shape[2:]
            # A level whose size was rounded up is larger than the finest one after upsampling.
            fused = fused + self.branches[level](features[level])[..., :rows, :columns]
        logits: Tensor = self.predictor(fused)
        return logits


def _branch(channels: int, width: int, scale: int) -> nn.Sequential:
    """Build 3 × 3 convolutions with group norm and ReLU, each followed by a 2× upsampling up to ``scale``."""
    upsamplings = scale.bit_length() - 1
    layers: list[nn.Module] = []
    for i in range(max(1, upsamplings)):
        conv = nn.Conv2d(channels if i == 0 else width, width, 3, padding=1, bias=False)
        nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
        groups = max(g for g in range(1, 33) if width % g == 0)
        layers += [conv, nn.GroupNorm(groups, width), nn.ReLU(inplace=True)]
        if i < upsamplings:
            layers.append(nn.Upsample(scale_factor=2, mode="bilinear"))
    return nn.Sequential(*layers)
