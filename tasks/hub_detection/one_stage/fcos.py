"""FCOS: detection without anchors (Tian et al. 2019, https://arxiv.org/abs/1904.01355).

With the improvements of its second paper (2020, https://arxiv.org/abs/2006.09214): center sampling, the center-ness on
the box tower, GIoU, and the square root of the product as score.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hub import Batch, Features, LabelSpace
from hub_detection.anchors import AnchorGenerator
from hub_detection.boxes import pick
from hub_detection.detection_head import padded_size
from hub_detection.losses import generalized_box_iou_loss
from hub_detection.one_stage.base import OneStageHead, init_conv_weights
from hub_detection.one_stage.box_linear_coder import BoxLinearCoder, centerness
from hub_detection.one_stage.options import FCOSOptions
from hub_detection.one_stage.point_matcher import PointMatcher
from hub_detection.targets import instance_targets


class FCOS(OneStageHead[FCOSOptions]):
    """Predict for one point per cell its class, its distances to the sides of its object, and its center-ness.

    Args:
        channels, strides, labels: as for `OneStageHead`.
        options: see `FCOSOptions`.
    """

    tower_bias: ClassVar[bool | None] = True

    def __init__(
        self,
        channels: Mapping[str, int],
        strides: Mapping[str, int],
        labels: LabelSpace,
        options: FCOSOptions,
    ) -> None:
        super().__init__(channels, strides, labels, options)
        self.box_coder = BoxLinearCoder()
        self.matcher = PointMatcher(self.level_strides, options.center_sampling_radius)
        self.centerness = nn.Conv2d(self.bbox_reg.in_channels, 1, 3, padding=1)
        init_conv_weights(self.centerness)

    def make_anchor_generator(self) -> AnchorGenerator:
        """Build a generator of one square per cell, whose center is the cell's point and whose side is the stride."""
        sizes = [(stride,) for stride in self.level_strides]
        return self.anchor_generator_of(sizes, (1.0,))

    def box_predictions(self, hidden: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return non-negative distances and the center-ness; see `OneStageHead.box_predictions`."""
        return F.relu(self.bbox_reg(hidden)), self.centerness(hidden)

    def scores(self, logits: Tensor, quality: Tensor | None) -> Tensor:
        """Return the geometric mean of class probability and center-ness; see `OneStageHead.scores`."""
        assert quality is not None
        return (logits.float().sigmoid() * quality.float().sigmoid()).sqrt()

    def losses(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """Return the losses of a batch, each divided by the number of positive points in the batch.

        Args:
            features: level → (B, C, H, W).
            batch: with instances.

        Returns:
            ``loss_classifier``, ``loss_box`` and ``loss_centerness``, float32 scalars.

        Raises:
            DataError: the batch has no instances.
        """
        targets = instance_targets(batch)
        dense = self.dense_predictions(features, padded_size(batch))
        points = [(anchors[:, :2] + anchors[:, 2:]) / 2 for anchors in dense.anchors]
        positive, matched = self.matcher(points, targets.boxes, targets.valid)
        labels, matched_boxes = pick(targets.labels, matched), pick(targets.boxes, matched)
        anchors = torch.cat(dense.anchors)
        boxes = self.box_coder.decode(torch.cat(dense.deltas, dim=1), anchors)
        predicted_centerness = torch.cat([q for q in dense.quality if q is not None], dim=1).float()
        target_centerness = centerness(self.box_coder.encode(matched_boxes, anchors))
        sums = {
            "loss_classifier": self.class_losses(dense, labels, positive, torch.ones_like(positive)).sum(),
            "loss_box": (generalized_box_iou_loss(boxes, matched_boxes) * positive).sum(),
            "loss_centerness": F.binary_cross_entropy_with_logits(
                predicted_centerness, target_centerness, positive, reduction="sum"
            ),
        }
        count = positive.sum().clamp(min=1)
        return {name: total / count for name, total in sums.items()}
