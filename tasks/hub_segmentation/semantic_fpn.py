"""Semantic FPN (Kirillov et al. 2019, https://arxiv.org/abs/1901.02446, section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor, nn

from hub import Features, LabelSpace
from hub_segmentation.head import SemanticHead, SemanticOptions


class SemanticFPNOptions(SemanticOptions):
    """Options of `SemanticFPN`: these, and those of `SemanticOptions`.

    Attributes:
        from_levels: pyramid levels that are brought together, the finest first.
        decoder_channels: channels while they are.
    """

    from_levels: Annotated[tuple[str, ...], Field(min_length=1)] = ("p2", "p3", "p4", "p5")
    decoder_channels: Annotated[int, Field(gt=0)] = 128


class SemanticFPN(SemanticHead):
    """Brings every level to the finest one's size, by convolutions that double it, and adds them up.

    Args:
        channels, strides: level → channels, stride.
        labels: the classes.
        options: see `SemanticFPNOptions`.
    """

    Options: ClassVar[type[SemanticFPNOptions]] = SemanticFPNOptions

    def __init__(
        self,
        channels: Mapping[str, int],
        strides: Mapping[str, int],
        labels: LabelSpace,
        options: SemanticFPNOptions,
    ) -> None:
        super().__init__(channels, strides, labels, options)
        self.from_levels = options.from_levels
        finest = min(strides[level] for level in self.from_levels)
        self.branches = nn.ModuleDict(
            {
                level: _branch(channels[level], options.decoder_channels, strides[level] // finest)
                for level in self.from_levels
            }
        )
        self.predictor = nn.Conv2d(options.decoder_channels, len(labels), 1)
        nn.init.normal_(self.predictor.weight, std=0.01)
        assert self.predictor.bias is not None
        nn.init.zeros_(self.predictor.bias)

    @classmethod
    def levels(cls, options: SemanticFPNOptions) -> tuple[str, ...]:
        """The levels that are brought together."""
        return options.from_levels

    def logits(self, features: Features) -> Tensor:
        """(B, classes, h, w) at the finest level's size."""
        first, *others = self.from_levels
        merged = self.branches[first](features[first])
        for level in others:
            rows, columns = merged.shape[2:]
            # A level that was rounded up comes back larger than the finest one.
            merged = merged + self.branches[level](features[level])[..., :rows, :columns]
        logits: Tensor = self.predictor(merged)
        return logits


def _branch(channels: int, width: int, scale: int) -> nn.Sequential:
    """3 × 3 convolutions with group norm and ReLU, each but the only one of the finest level followed by a doubling."""
    doublings = scale.bit_length() - 1
    layers: list[nn.Module] = []
    for i in range(max(1, doublings)):
        conv = nn.Conv2d(channels if i == 0 else width, width, 3, padding=1, bias=False)
        nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
        groups = max(g for g in range(1, 33) if width % g == 0)
        layers += [conv, nn.GroupNorm(groups, width), nn.ReLU(inplace=True)]
        if i < doublings:
            layers.append(nn.Upsample(scale_factor=2, mode="bilinear"))
    return nn.Sequential(*layers)
