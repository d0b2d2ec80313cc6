"""The keypoint branch of Mask R-CNN (He et al. 2017, https://arxiv.org/abs/1703.06870, section 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hub import InstanceTargets
from hub_detection.layers import conv_tower
from hub_detection.losses import mean_over
from hub_detection.two_stage.keypoint_maps import decode_keypoints, keypoint_cells
from hub_detection.two_stage.roi_align import RoIAlign
from hub_detection.two_stage.roi_branch import RoIBranch, occupied, scatter
from hub_detection.two_stage.roi_sampler import RoIs


class KeypointHead(RoIBranch):
    """Convolutions, then a map for each keypoint in which one cell is to win.

    Args:
        channels: of the pooled features.
        keypoints: how many an object has.
        pool: of the boxes; the maps have four times its size.
        positives: the most positive boxes that an image can have.
        width: of the convolutions.
        depth: number of them.
    """

    def __init__(
        self, channels: int, keypoints: int, pool: RoIAlign, positives: int, *, width: int = 512, depth: int = 8
    ) -> None:
        super().__init__(pool, positives)
        self.convs = conv_tower(channels, width, depth)
        self.upsample = nn.ConvTranspose2d(width if depth else channels, keypoints, 4, stride=2, padding=1)
        nn.init.kaiming_normal_(self.upsample.weight, mode="fan_out", nonlinearity="relu")
        assert self.upsample.bias is not None
        nn.init.zeros_(self.upsample.bias)

    def forward(self, pooled: Tensor) -> Tensor:
        """(M, C, size, size) to logits (M, K, 4 · size, 4 · size), float32."""
        maps = self.upsample(self.convs(pooled)).float()
        return F.interpolate(maps, scale_factor=2.0, mode="bilinear", align_corners=False)

    def losses(self, features: Sequence[Tensor], rois: RoIs, targets: InstanceTargets) -> dict[str, Tensor]:
        """``loss_keypoint``: softmax cross-entropy over a map's cells, the mean over visible keypoints (ibid.)."""
        assert targets.keypoints is not None
        boxes, positive = rois.boxes[:, : self.positives], rois.positive[:, : self.positives]
        places = occupied(positive)
        logits = self(self.pooled(features, boxes, places))
        image = torch.div(places, boxes.shape[1], rounding_mode="floor")
        index = image * targets.keypoints.shape[1] + rois.matched[:, : self.positives].flatten()[places]
        points = targets.keypoints.flatten(0, 1)[index]
        cells, visible = keypoint_cells(points, boxes.flatten(0, 1)[places], logits.shape[-1])
        counts = visible & positive.flatten()[places][:, None]
        values = F.cross_entropy(logits.flatten(0, 1).flatten(1), cells.flatten(), reduction="none")
        return {"loss_keypoint": mean_over(values, counts.flatten())}

    def predict(self, features: Sequence[Tensor], found: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``keypoints`` (B, D, K, 3) float32: x and y in pixels, and a score from 0 to 1."""
        places = occupied(found["valid"])
        boxes = found["boxes"].flatten(0, 1)[places]
        points = decode_keypoints(self(self.pooled(features, found["boxes"], places)), boxes)
        points = points * found["valid"].flatten()[places][:, None, None]
        return {"keypoints": scatter(points, places, found["valid"].shape)}
