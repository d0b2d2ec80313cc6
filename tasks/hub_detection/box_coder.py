"""Boxes as regression targets relative to reference boxes, and back (Girshick et al. 2014, appendix C)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hub_detection.options import BBOX_XFORM_CLIP

_MIN_SIZE = 1e-6  # pixels; keeps the logarithm finite for empty boxes, whose loss has weight 0


class BoxCoder(nn.Module):
    """Encode boxes as deltas (dx, dy, dw, dh) from reference boxes, and decode deltas into boxes.

    Args:
        weights: factors of the four deltas; a larger one gives an error more weight in the loss.
        bbox_xform_clip: upper limit of dw and dh when decoding, which keeps the exponential finite; the default is
            torchvision's and detectron2's.

    >>> coder = BoxCoder((10.0, 10.0, 5.0, 5.0))
    >>> anchor = torch.tensor([0.0, 0.0, 4.0, 4.0])
    >>> coder.encode(torch.tensor([1.0, 0.0, 5.0, 4.0]), anchor)
    tensor([2.5000, 0.0000, 0.0000, 0.0000])
    >>> coder.decode(torch.tensor([2.5, 0.0, 0.0, 0.0]), anchor)
    tensor([1., 0., 5., 4.])
    """

    weights: Tensor

    def __init__(
        self,
        weights: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0),
        *,
        bbox_xform_clip: float = BBOX_XFORM_CLIP,
    ) -> None:
        super().__init__()
        self.bbox_xform_clip = bbox_xform_clip
        self.register_buffer("weights", torch.tensor(weights), persistent=False)

    def encode(self, boxes: Tensor, references: Tensor) -> Tensor:
        """Return the deltas that transform ``references`` into ``boxes``.

        Args:
            boxes: (..., 4) float32 x1 y1 x2 y2 in pixels.
            references: (..., 4), likewise.

        Returns:
            (..., 4) float32, always finite.
        """
        sizes = (references[..., 2:] - references[..., :2]).clamp(min=_MIN_SIZE)
        box_sizes = (boxes[..., 2:] - boxes[..., :2]).clamp(min=_MIN_SIZE)
        shift = (boxes[..., :2] + 0.5 * box_sizes) - (references[..., :2] + 0.5 * sizes)
        return torch.cat([shift / sizes, (box_sizes / sizes).log()], dim=-1) * self.weights

    def decode(self, deltas: Tensor, references: Tensor) -> Tensor:
        """Apply deltas to reference boxes.

        Args:
            deltas: (..., 4) of any floating dtype.
            references: (..., 4) float32 x1 y1 x2 y2 in pixels; broadcast against ``deltas``.

        Returns:
            (..., 4) float32 x1 y1 x2 y2 in pixels.
        """
        deltas = deltas.float() / self.weights
        sizes = references[..., 2:] - references[..., :2]
        centers = deltas[..., :2] * sizes + (references[..., :2] + 0.5 * sizes)
        half_sizes = 0.5 * (deltas[..., 2:].clamp(max=self.bbox_xform_clip).exp() * sizes)
        return torch.cat([centers - half_sizes, centers + half_sizes], dim=-1)
