"""Anchors: the grid of reference boxes that a one-stage head or an RPN starts from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

AnchorStrides = Literal["image", "level"]


class AnchorGenerator(nn.Module):
    """The same few boxes around every cell of every level (Ren et al. 2015, section 3.1.1).

    Args:
        sizes: for each level its anchors' sizes, the square roots of their areas, in pixels.
        ratios: height / width of the anchors of each size.
        strides: pixels between the cells of each level.
        spacing: ``"level"`` keeps those strides, as detectron2; ``"image"`` divides the padded image's sides by the
            map's and rounds down, as torchvision. They differ where a coarse map's size was rounded up.

    >>> generator = AnchorGenerator(sizes=[(32.0,)], ratios=(1.0,), strides=(16,))
    >>> generator([(1, 2)], (16, 32))
    [tensor([[-16., -16.,  16.,  16.],
             [  0., -16.,  32.,  16.]])]
    """

    def __init__(
        self,
        sizes: Sequence[Sequence[float]],
        ratios: Sequence[float],
        strides: Sequence[int],
        *,
        spacing: AnchorStrides = "image",
    ) -> None:
        super().__init__()
        self.strides = tuple(strides)
        self.spacing = spacing
        self.num_anchors = tuple(len(level) * len(ratios) for level in sizes)
        for i, level in enumerate(sizes):
            self.register_buffer(f"cell_{i}", _cell(level, ratios), persistent=False)

    def forward(self, maps: Sequence[tuple[int, int]], image: tuple[int, int]) -> list[Tensor]:
        """Anchors of every level.

        Args:
            maps: (height, width) in cells of each level.
            image: (height, width) of the padded images in pixels.

        Returns:
            For each level (height · width · num_anchors, 4) float32 x1 y1 x2 y2 in pixels, in the order of rows,
            columns, ratios, sizes.
        """
        anchors = []
        for i, ((height, width), stride) in enumerate(zip(maps, self.strides, strict=True)):
            cell = getattr(self, f"cell_{i}")
            step_y, step_x = (stride, stride) if self.spacing == "level" else (image[0] // height, image[1] // width)
            y = torch.arange(height, device=cell.device, dtype=cell.dtype) * step_y
            x = torch.arange(width, device=cell.device, dtype=cell.dtype) * step_x
            rows, columns = torch.meshgrid(y, x, indexing="ij")
            shifts = torch.stack([columns, rows, columns, rows], dim=-1)
            anchors.append((shifts[:, :, None] + cell).reshape(-1, 4))
        return anchors


def _cell(sizes: Sequence[float], ratios: Sequence[float]) -> Tensor:
    """The anchors around (0, 0), (ratios · sizes, 4), at whole pixels as all published weights expect."""
    root = torch.tensor(ratios, dtype=torch.float32).sqrt()
    size = torch.tensor(sizes, dtype=torch.float32)
    widths, heights = ((1 / root)[:, None] * size).flatten(), (root[:, None] * size).flatten()
    return (torch.stack([-widths, -heights, widths, heights], dim=1) / 2).round()
