"""The keypoint branch of Mask R-CNN (He et al. 2017, https://arxiv.org/abs/1703.06870, section 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hub import InstanceTargets
from hub.losses import masked_mean
from hub_detection.layers import conv_tower
from hub_detection.two_stage.keypoint_maps import heatmaps_to_keypoints, keypoints_to_heatmap
from hub_detection.two_stage.roi_align import RoIAlign
from hub_detection.two_stage.roi_branch import RoIBranch, scatter_slots, valid_slots
from hub_detection.two_stage.roi_sampler import RoIs


class KeypointHead(RoIBranch):
    """Convolutions, then a heatmap per keypoint, in which the keypoint's cell is the target class.

    Args:
        channels: of the pooled features.
        num_keypoints: per object.
        pool: pools the boxes; the heatmaps have four times its resolution.
        max_positives: the most positive RoIs per image.
        conv_channels: of the convolutions.
        num_convs: number of them.
    """

    def __init__(
        self,
        channels: int,
        num_keypoints: int,
        pool: RoIAlign,
        max_positives: int,
        *,
        conv_channels: int = 512,
        num_convs: int = 8,
    ) -> None:
        super().__init__(pool, max_positives)
        self.convs = conv_tower(channels, conv_channels, num_convs)
        in_channels = conv_channels if num_convs else channels
        self.score_lowres = nn.ConvTranspose2d(in_channels, num_keypoints, 4, stride=2, padding=1)
        nn.init.kaiming_normal_(self.score_lowres.weight, mode="fan_out", nonlinearity="relu")
        assert self.score_lowres.bias is not None
        nn.init.zeros_(self.score_lowres.bias)

    def forward(self, pooled: Tensor) -> Tensor:
        """Map (M, C, size, size) to heatmap logits (M, K, 4 · size, 4 · size), float32."""
        heatmaps = self.score_lowres(self.convs(pooled)).float()
        return F.interpolate(heatmaps, scale_factor=2.0, mode="bilinear", align_corners=False)

    def losses(self, features: Sequence[Tensor], rois: RoIs, targets: InstanceTargets) -> dict[str, Tensor]:
        """Return ``loss_keypoint``: softmax cross-entropy over cells, averaged over visible keypoints (ibid.)."""
        assert targets.keypoints is not None
        boxes, positive = rois.boxes[:, : self.max_positives], rois.positive[:, : self.max_positives]
        slots = valid_slots(positive)
        logits = self(self.pool_slots(features, boxes, slots))
        image = torch.div(slots, boxes.shape[1], rounding_mode="floor")
        index = image * targets.keypoints.shape[1] + rois.matched[:, : self.max_positives].flatten()[slots]
        keypoints = targets.keypoints.flatten(0, 1)[index]
        cells, visible = keypoints_to_heatmap(keypoints, boxes.flatten(0, 1)[slots], logits.shape[-1])
        mask = visible & positive.flatten()[slots][:, None]
        values = F.cross_entropy(logits.flatten(0, 1).flatten(1), cells.flatten(), reduction="none")
        return {"loss_keypoint": masked_mean(values, mask.flatten())}

    def predict(self, features: Sequence[Tensor], detections: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return ``keypoints`` (B, D, K, 3) float32: x and y in pixels, and a score from 0 to 1."""
        slots = valid_slots(detections["valid"])
        boxes = detections["boxes"].flatten(0, 1)[slots]
        keypoints = heatmaps_to_keypoints(self(self.pool_slots(features, detections["boxes"], slots)), boxes)
        keypoints = keypoints * detections["valid"].flatten()[slots][:, None, None]
        return {"keypoints": scatter_slots(keypoints, slots, detections["valid"].shape)}
