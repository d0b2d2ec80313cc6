"""The mask branch of Mask R-CNN (He et al. 2017, https://arxiv.org/abs/1703.06870, section 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import roi_align

from hub import BoxMasks, ClassRows, InstanceTargets
from hub.losses import masked_mean
from hub_detection.layers import conv_tower
from hub_detection.options import Norm
from hub_detection.two_stage.roi_align import RoIAlign
from hub_detection.two_stage.roi_branch import RoIBranch, eager_on_cpu, scatter_slots, valid_slots
from hub_detection.two_stage.roi_sampler import RoIs


class MaskHead(RoIBranch):
    """Convolutions, upsampling by 2, and a mask per class, of which only that of the box's class is used.

    Args:
        channels: channels of the pooled features.
        classes: number of classes without background.
        pool: RoIAlign of the boxes; masks have twice its size.
        positives: maximum number of positive boxes per image.
        width: channels of the convolutions.
        depth: number of convolutions before the upsampling.
        norm: normalization after each convolution.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        pool: RoIAlign,
        positives: int,
        *,
        width: int = 256,
        depth: int = 4,
        norm: Norm = "none",
    ) -> None:
        super().__init__(pool, positives)
        self.convs = conv_tower(channels, width, depth, norm=norm)
        self.upsample = nn.ConvTranspose2d(width if depth else channels, width, 2, stride=2)
        self.predictor = nn.Conv2d(width, classes, 1)
        for layer in (self.upsample, self.predictor):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)

    def forward(self, pooled: Tensor, labels: Tensor) -> Tensor:
        """Return the mask of the class of each box.

        Args:
            pooled: (M, C, size, size).
            labels: (M,) int64 from 0.

        Returns:
            Logits (M, 2 · size, 2 · size).
        """
        hidden = F.relu(self.upsample(self.convs(pooled)), inplace=True)
        assert self.predictor.bias is not None
        # Only the mask of this class is used, so only 1 of 80 classes is computed.
        rows = self.predictor.weight.flatten(1)[labels][:, None]
        logits = torch.bmm(rows, hidden.flatten(2)) + self.predictor.bias[labels][:, None, None]
        return logits.view(len(hidden), *hidden.shape[2:])

    def losses(self, features: Sequence[Tensor], rois: RoIs, targets: InstanceTargets) -> dict[str, Tensor]:
        """Return ``loss_mask``: binary cross-entropy, the mean over the positive boxes' pixels (ibid., section 3)."""
        assert targets.masks is not None
        boxes, positive = rois.boxes[:, : self.max_positives], rois.positive[:, : self.max_positives]
        slots = valid_slots(positive)
        labels = (rois.labels[:, : self.max_positives] - 1).clamp(min=0).flatten()[slots]
        logits = self(self.pool_slots(features, boxes, slots), labels)
        image = torch.div(slots, boxes.shape[1], rounding_mode="floor")
        matched = rois.matched[:, : self.max_positives].flatten()[slots]
        wanted = mask_targets(
            targets.masks, image * targets.boxes.shape[1] + matched, boxes.flatten(0, 1)[slots], logits.shape[-1]
        )
        values = F.binary_cross_entropy_with_logits(logits.float(), wanted, reduction="none").mean((1, 2))
        return {"loss_mask": masked_mean(values, positive.flatten()[slots])}

    def predict(self, features: Sequence[Tensor], found: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return ``masks`` (B, D, 2 · size, 2 · size) float32 from 0 to 1, each on the grid of its box."""
        slots = valid_slots(found["valid"])
        pooled = self.pool_slots(features, found["boxes"], slots)
        masks = self(pooled, found["labels"].flatten()[slots]).float().sigmoid()
        masks = masks * found["valid"].flatten()[slots][:, None, None]
        return {"masks": scatter_slots(masks, slots, found["valid"].shape)}

    def class_rows(self) -> dict[str, ClassRows]:
        """Return the rows of the predictor per class."""
        return {"predictor.weight": ClassRows(), "predictor.bias": ClassRows()}


@torch.no_grad()
def mask_targets(masks: BoxMasks, index: Tensor, boxes: Tensor, size: int) -> Tensor:
    """Return the parts of the objects' masks inside boxes: the targets of the mask branch.

    Args:
        masks: masks of N objects in each of B images.
        index: (M,) int64, the object of each box, as an index into all B · N objects.
        boxes: (M, 4) float32 x1 y1 x2 y2 in pixels.
        size: side of the grid.

    Returns:
        (M, size, size) float32 from 0 to 1: the covered fraction of each cell.
    """
    boxes = masks.to_grid(index, boxes)
    grids = masks.values.flatten(0, 1)
    if eager_on_cpu(index):  # only the masks of matched objects become floats
        chosen, index = index.unique(return_inverse=True)
        grids = grids[chosen]
    rois = torch.cat([index[:, None].to(boxes.dtype), boxes], dim=1)
    targets: Tensor = roi_align(grids[:, None].to(boxes.dtype), rois, (size, size), 1.0)[:, 0] / 255
    return targets
