"""How a network's four numbers move a reference box, and back (Girshick et al. 2014, appendix C)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

_MAX_LOG_SCALE = math.log(1000 / 16)  # a box grows at most to 62.5 times its reference: exp() must not overflow
_MIN_SIDE = 1e-6  # pixels; keeps the logarithm of empty boxes, whose loss has no weight, finite


class BoxCoder(nn.Module):
    """Turns boxes into offsets (dx, dy, dw, dh) from reference boxes, and offsets into boxes.

    Args:
        weights: factors of the four offsets; larger ones weigh an error more in the loss.

    >>> coder = BoxCoder((10.0, 10.0, 5.0, 5.0))
    >>> anchor = torch.tensor([0.0, 0.0, 4.0, 4.0])
    >>> coder.encode(torch.tensor([1.0, 0.0, 5.0, 4.0]), anchor)
    tensor([2.5000, 0.0000, 0.0000, 0.0000])
    >>> coder.decode(torch.tensor([2.5, 0.0, 0.0, 0.0]), anchor)
    tensor([1., 0., 5., 4.])
    """

    weights: Tensor

    def __init__(self, weights: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)) -> None:
        super().__init__()
        self.register_buffer("weights", torch.tensor(weights), persistent=False)

    def encode(self, boxes: Tensor, references: Tensor) -> Tensor:
        """Offsets that lead from ``references`` to ``boxes``.

        Args:
            boxes: (..., 4) float32 x1 y1 x2 y2 in pixels.
            references: (..., 4), likewise.

        Returns:
            (..., 4) float32, always finite.
        """
        sides = (references[..., 2:] - references[..., :2]).clamp(min=_MIN_SIDE)
        box_sides = (boxes[..., 2:] - boxes[..., :2]).clamp(min=_MIN_SIDE)
        shift = (boxes[..., :2] + 0.5 * box_sides) - (references[..., :2] + 0.5 * sides)
        return torch.cat([shift / sides, (box_sides / sides).log()], dim=-1) * self.weights

    def decode(self, offsets: Tensor, references: Tensor) -> Tensor:
        """The boxes that offsets lead to.

        Args:
            offsets: (..., 4) of any floating dtype.
            references: (..., 4) float32 x1 y1 x2 y2 in pixels; broadcasts against ``offsets``.

        Returns:
            (..., 4) float32 x1 y1 x2 y2 in pixels.
        """
        offsets = offsets.float() / self.weights
        sides = references[..., 2:] - references[..., :2]
        centres = offsets[..., :2] * sides + (references[..., :2] + 0.5 * sides)
        half = 0.5 * (offsets[..., 2:].clamp(max=_MAX_LOG_SCALE).exp() * sides)
        return torch.cat([centres - half, centres + half], dim=-1)
