"""The masks of a batch's objects on grids of one size: what is sent to the device instead of full-size planes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hub.contract.instance_masks import InstanceMasks

GRID_SIDE = 128  # cells; 100 objects take 1.6 MB


@dataclass(frozen=True)
class BoxMasks:
    """Masks of N objects in each of B images, each on a grid of S × S cells around its pixels.

    A mask of at most S − 2 pixels along an axis keeps its pixels: a cell is a pixel. A longer one is scaled down along
    that axis, and a cell is the covered share of its area. There is a margin of at least one cell on all sides, in
    which pixels beyond the image's border repeat those at the border.

    Attributes:
        values: (B, N, S, S) uint8, the covered share of each cell from 0 to 255.
        boxes: (B, N, 4) float32, the tight box x1 y1 x2 y2 of each mask in pixels of the resized image; zeros for an
            empty mask.
    """

    values: Tensor
    boxes: Tensor

    @classmethod
    def pack(cls, images: Sequence[InstanceMasks], count: int, *, side: int = GRID_SIDE) -> BoxMasks:
        """Resample the masks of each image, padded with empty ones.

        Args:
            images: for each image at most ``count`` masks.
            count: N.
            side: S, at least 3.

        >>> masks = BoxMasks.pack([InstanceMasks.from_planes(np.ones((1, 2, 3)))], 2, side=8)
        >>> masks.values.shape, masks.boxes.tolist(), masks.planes((2, 4))[0, 0].int().tolist()
        (torch.Size([1, 2, 8, 8]), [[[0.0, 0.0, 3.0, 2.0], [0.0, 0.0, 0.0, 0.0]]], [[1, 1, 1, 0], [1, 1, 1, 0]])
        """
        values = np.zeros((len(images), count, side, side), np.uint8)
        boxes = np.zeros((len(images), count, 4), np.float32)
        for row, masks in enumerate(images):
            boxes[row, : len(masks)] = masks.boxes
            for place in np.flatnonzero(boxes[row, :, 2] > 0).tolist():
                _fill_grid(values[row, place], masks, place, boxes[row, place])
        return cls(torch.from_numpy(values), torch.from_numpy(boxes))

    @classmethod
    def from_planes(cls, planes: Tensor, *, side: int = GRID_SIDE) -> BoxMasks:
        """Resample full-size masks (B, N, H, W) on the CPU; H and W are the size of the images."""
        images = [InstanceMasks.from_planes(of_image.numpy()) for of_image in planes]
        return cls.pack(images, planes.shape[1], side=side)

    def apply(self, function: Callable[[Tensor], Tensor]) -> BoxMasks:
        """Return the masks with a function applied to each tensor, such as one that moves it to a device."""
        return BoxMasks(function(self.values), function(self.boxes))

    @property
    def margin(self) -> Tensor:
        """(B, N, 2) float32, the pixels along x and y between the grid's border and the tight box."""
        return ((self.boxes[..., 2:] - self.boxes[..., :2]) / (self.values.shape[-1] - 2)).ceil()

    @property
    def origin(self) -> Tensor:
        """(B, N, 2) float32, x and y in pixels of the grid's upper left corner."""
        return self.boxes[..., :2] - self.margin

    @property
    def scale(self) -> Tensor:
        """(B, N, 2) float32, cells per pixel along x and y, at most 1."""
        length = self.boxes[..., 2:] - self.boxes[..., :2] + 2 * self.margin
        return (self.values.shape[-1] / length).clamp(max=1)

    def to_grid(self, index: Tensor, boxes: Tensor) -> Tensor:
        """Convert boxes from pixels of the images to cells of grids.

        Cell (0, 0) has its center at (0, 0), as pixels have in `torchvision.ops.roi_align` with ``aligned=False``.

        Args:
            index: (M,) int64, for each box the object whose grid to use, as an index into all B · N objects.
            boxes: (M, 4) float32 x1 y1 x2 y2 in pixels of the resized image.

        Returns:
            (M, 4) float32 x1 y1 x2 y2 in cells.
        """
        origin, scale = (values.flatten(0, 1)[index].repeat(1, 2) for values in (self.origin, self.scale))
        return (boxes - origin) * scale + (scale - 1) / 2

    def planes(self, size: tuple[int, int]) -> Tensor:
        """Return full-size masks, exact where they were not scaled down: (B, N, H, W) bool.

        Pixels of which the object covers half or more belong to it, interpolated between the centers of cells.

        Args:
            size: (H, W) of the padded images in pixels.
        """
        batch, count, side = self.values.shape[:3]
        device = self.values.device
        out = torch.zeros(batch, count, *size, dtype=torch.bool, device=device)
        for row, place in self.values.amax((2, 3)).nonzero().tolist():
            x1, y1, x2, y2 = self.boxes[row, place].long().tolist()
            centers = torch.arange(x1, x2, device=device) + 0.5, torch.arange(y1, y2, device=device) + 0.5
            origin, scale = self.origin[row, place], self.scale[row, place]
            x, y = ((at - origin[i]) * scale[i] * 2 / side - 1 for i, at in enumerate(centers))
            grid = torch.stack(torch.broadcast_tensors(x[None, :], y[:, None]), -1)[None]
            values = F.grid_sample(self.values[row, place][None, None].float(), grid, align_corners=False)
            out[row, place, y1:y2, x1:x2] = values[0, 0] >= 127.5
        return out


def _fill_grid(grid: np.ndarray, masks: InstanceMasks, index: int, box: np.ndarray) -> None:
    """Resample a mask with the tight ``box`` into ``grid`` (S, S)."""
    import cv2

    side = len(grid)
    left, top = masks.corners[index].tolist()
    x1, y1, x2, y2 = box.astype(int).tolist()
    crop = masks.crops[index][y1 - top : y2 - top, x1 - left : x2 - left] * np.uint8(255)
    margins = [-(-length // (side - 2)) for length in crop.shape]  # at least one cell once scaled
    padded = np.pad(crop, [(margin, margin) for margin in margins])
    # Beyond the image's border it continues as at the border, as roi_align treats a plane of the image's size.
    for axis, (low, high) in enumerate(((y1, y2), (x1, x2))):
        along, margin = np.moveaxis(padded, axis, 0), margins[axis]
        if low == 0:
            along[:margin] = along[margin]
        if high == masks.size[axis]:
            along[-margin:] = along[-margin - 1]
    height, width = (min(length, side) for length in padded.shape)
    if padded.shape != (height, width):
        padded = cv2.resize(padded, (width, height), interpolation=cv2.INTER_AREA)
    grid[:height, :width] = padded
