"""Layers that work on each place of a map alone, or on its mean: for them a volume is one image of all slices."""

from __future__ import annotations

from functools import cache

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

# By name, since timm's models define some of them for themselves.
_NAMES = frozenset(
    {
        *("SEModule", "SqueezeExcite", "EffectiveSEModule", "EcaModule", "CecaModule"),
        *("LayerNorm2d", "LayerNormAct2d", "GlobalResponseNorm"),
    }
)


class Folded(nn.Module):
    """Mixed into a layer for images: it computes the slices of a volume as one tall image."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, D, H, W) to the same."""
        unfolded: Tensor = super().forward(x.flatten(2, 3)).unflatten(2, x.shape[2:4])
        return unfolded


def can_fold(layer: nn.Module) -> bool:
    """Whether the layer is one of these: batch norm, normalization over channels, squeeze-and-excitation."""
    return isinstance(layer, _BatchNorm | Folded) or type(layer).__name__ in _NAMES


def fold(layer: nn.Module) -> None:
    """Make it a layer of volumes, in place: the keys of its weights stay, and what it is an instance of.

    >>> import torch
    >>> layer = nn.BatchNorm2d(2)
    >>> fold(layer)
    >>> layer(torch.zeros(1, 2, 3, 4, 5)).shape, type(layer).__name__
    (torch.Size([1, 2, 3, 4, 5]), 'FoldedBatchNorm2d')
    """
    layer.__class__ = _folded(type(layer))  # type: ignore[arg-type]


@cache
def _folded(cls: type[nn.Module]) -> type[nn.Module]:
    return type(f"Folded{cls.__name__}", (Folded, cls), {})
