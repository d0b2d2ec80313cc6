"""Anchors: the grid of reference boxes that a one-stage head or an RPN starts from."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hub_detection.options import AnchorStrides


class AnchorGenerator(nn.Module):
    """Place the same few boxes around every cell of every level (Ren et al. 2015, section 3.1.1).

    Args:
        sizes: per level the sizes of its anchors, the square roots of their areas, in pixels.
        aspect_ratios: height / width of the anchors of each size.
        strides: distance in pixels between the cells of each level.
        anchor_strides: ``"level"`` uses ``strides`` as they are, like detectron2; ``"image"`` divides the sides of the
            padded image by those of the feature map and rounds down, like torchvision. The two differ where the size
            of a coarse feature map was rounded up.
        offset: position of the first center in each direction, in strides.
        rounded: round the sides of the anchors to whole pixels, like torchvision; detectron2 does not.

    >>> generator = AnchorGenerator(sizes=[(32.0,)], aspect_ratios=(1.0,), strides=(16,))
    >>> generator([(1, 2)], (16, 32))
    [tensor([[-16., -16.,  16.,  16.],
             [  0., -16.,  32.,  16.]])]
    """

    def __init__(
        self,
        sizes: Sequence[Sequence[float]],
        aspect_ratios: Sequence[float],
        strides: Sequence[int],
        *,
        anchor_strides: AnchorStrides = "image",
        offset: float = 0.0,
        rounded: bool = True,
    ) -> None:
        super().__init__()
        self.strides = tuple(strides)
        self.anchor_strides = anchor_strides
        self.offset = offset
        self.num_anchors = tuple(len(level) * len(aspect_ratios) for level in sizes)
        for i, level in enumerate(sizes):
            cell_anchors = _cell_anchors(level, aspect_ratios)
            cell_anchors = cell_anchors.round() if rounded else cell_anchors
            self.register_buffer(f"cell_anchors_{i}", cell_anchors, persistent=False)

    def forward(self, grid_sizes: Sequence[tuple[int, int]], image_size: tuple[int, int]) -> list[Tensor]:
        """Return the anchors of every level.

        Args:
            grid_sizes: (height, width) of the feature map of each level.
            image_size: (height, width) of the padded images in pixels.

        Returns:
            Per level (height · width · num_anchors, 4) float32 x1 y1 x2 y2 in pixels, ordered by row, column, aspect
            ratio, size.
        """
        anchors = []
        for i, ((height, width), stride) in enumerate(zip(grid_sizes, self.strides, strict=True)):
            cell_anchors = self.get_buffer(f"cell_anchors_{i}")
            if self.anchor_strides == "level":
                stride_y, stride_x = stride, stride
            else:
                stride_y, stride_x = image_size[0] // height, image_size[1] // width
            y = (torch.arange(height, device=cell_anchors.device, dtype=cell_anchors.dtype) + self.offset) * stride_y
            x = (torch.arange(width, device=cell_anchors.device, dtype=cell_anchors.dtype) + self.offset) * stride_x
            rows, columns = torch.meshgrid(y, x, indexing="ij")
            shifts = torch.stack([columns, rows, columns, rows], dim=-1)
            anchors.append((shifts[:, :, None] + cell_anchors).reshape(-1, 4))
        return anchors


def _cell_anchors(sizes: Sequence[float], aspect_ratios: Sequence[float]) -> Tensor:
    """Return the anchors around (0, 0), (ratios · sizes, 4)."""
    root = torch.tensor(aspect_ratios, dtype=torch.float32).sqrt()
    size = torch.tensor(sizes, dtype=torch.float32)
    widths, heights = ((1 / root)[:, None] * size).flatten(), (root[:, None] * size).flatten()
    return torch.stack([-widths, -heights, widths, heights], dim=1) / 2
