"""FCOS: detection without anchors (Tian et al. 2019, https://arxiv.org/abs/1904.01355).

With the improvements of its second paper (2020, https://arxiv.org/abs/2006.09214): center sampling, the center-ness on
the boxes' tower, GIoU, and the root of the product as score.
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
from hub_detection.giou import giou_loss
from hub_detection.one_stage.base import OneStageHead, init_conv_weights
from hub_detection.one_stage.distances import BoxLinearCoder, centerness
from hub_detection.one_stage.options import FCOSOptions
from hub_detection.one_stage.point_matcher import PointMatcher
from hub_detection.targets import instance_targets


class FCOS(OneStageHead):
    """Says for one point of every cell which object it lies in, how far that one's sides are, and how central it is.

    Args:
        channels, strides, labels: as for `OneStageHead`.
        options: see `FCOSOptions`.
    """

    Options = FCOSOptions
    options: FCOSOptions
    tower_bias: ClassVar[bool | None] = True

    def __init__(
        self,
        channels: Mapping[str, int],
        strides: Mapping[str, int],
        labels: LabelSpace,
        options: FCOSOptions,
    ) -> None:
        super().__init__(channels, strides, labels, options)
        self.coder = BoxLinearCoder()
        self.matcher = PointMatcher(self.level_strides, options.center_sampling_radius)
        self.centerness = nn.Conv2d(self.offsets.in_channels, 1, 3, padding=1)
        init_conv_weights(self.centerness)

    def make_anchors(self) -> AnchorGenerator:
        """A square of one stride around each cell's point, which is all that is used of it."""
        sizes = [(stride,) for stride in self.level_strides]
        return AnchorGenerator(sizes, (1.0,), self.level_strides, spacing=self.options.anchor_strides)

    def box_answers(self, hidden: Tensor) -> tuple[Tensor, Tensor | None]:
        """Distances, not negative, and the center-ness; see `OneStageHead.box_answers`."""
        return F.relu(self.offsets(hidden)), self.centerness(hidden)

    def score(self, logits: Tensor, quality: Tensor | None) -> Tensor:
        """The geometric mean of a class's probability and the center-ness; see `OneStageHead.score`."""
        assert quality is not None
        return (logits.float().sigmoid() * quality.float().sigmoid()).sqrt()

    def losses(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """The losses of a batch, each divided by the number of its positive points.

        Args:
            features: level → (B, C, H, W).
            batch: with instances.

        Returns:
            ``loss_classifier``, ``loss_box`` and ``loss_centerness``, float32 scalars.

        Raises:
            DataError: the batch has no instances.
        """
        targets = instance_targets(batch)
        dense = self.look(features, padded_size(batch))
        points = [(anchors[:, :2] + anchors[:, 2:]) / 2 for anchors in dense.anchors]
        positive, matched = self.matcher(points, targets.boxes, targets.valid)
        labels, objects = pick(targets.labels, matched), pick(targets.boxes, matched)
        anchors = torch.cat(dense.anchors)
        boxes = self.coder.decode(torch.cat(dense.offsets, dim=1), anchors)
        central = torch.cat([q for q in dense.quality if q is not None], dim=1).float()
        wanted = centerness(self.coder.encode(objects, anchors))
        sums = {
            "loss_classifier": self.class_losses(dense, labels, positive, torch.ones_like(positive)).sum(),
            "loss_box": (giou_loss(boxes, objects) * positive).sum(),
            "loss_centerness": F.binary_cross_entropy_with_logits(central, wanted, positive, reduction="sum"),
        }
        count = positive.sum().clamp(min=1)
        return {name: total / count for name, total in sums.items()}
