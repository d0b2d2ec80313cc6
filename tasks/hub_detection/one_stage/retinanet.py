"""RetinaNet: anchors and the focal loss (Lin et al. 2017b, https://arxiv.org/abs/1708.02002)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from hub import Batch, Features, LabelSpace
from hub_detection.anchors import AnchorGenerator
from hub_detection.box_coder import BoxCoder
from hub_detection.boxes import box_iou, pick
from hub_detection.detection_head import padded_size
from hub_detection.giou import giou_loss
from hub_detection.matcher import Matcher
from hub_detection.one_stage.base import OneStageHead
from hub_detection.one_stage.options import RetinaNetOptions
from hub_detection.targets import instance_targets


class RetinaNet(OneStageHead):
    """Classifies several anchors of every cell and moves them onto the objects.

    Args:
        channels, strides, labels: as for `OneStageHead`.
        options: see `RetinaNetOptions`.
    """

    Options = RetinaNetOptions
    options: RetinaNetOptions

    def __init__(
        self,
        channels: Mapping[str, int],
        strides: Mapping[str, int],
        labels: LabelSpace,
        options: RetinaNetOptions,
    ) -> None:
        super().__init__(channels, strides, labels, options)
        self.coder = BoxCoder()
        self.matcher = Matcher(options.fg_iou_thresh, options.bg_iou_thresh, allow_low_quality_matches=True)

    def make_anchors(self) -> AnchorGenerator:
        """``scales_per_octave`` sizes of each ratio (ibid., section 4)."""
        o = self.options
        steps = [2 ** (i / o.scales_per_octave) for i in range(o.scales_per_octave)]
        sizes = [[int(size * step) if step > 1 else size for step in steps] for size in o.anchor_sizes]
        return AnchorGenerator(sizes, o.aspect_ratios, self.level_strides, spacing=o.anchor_strides)

    def losses(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """The losses of a batch: each image's sum divided by its positive anchors, and of that the mean.

        Args:
            features: level → (B, C, H, W).
            batch: with instances.

        Returns:
            ``loss_classifier`` and ``loss_box``, float32 scalars.

        Raises:
            DataError: the batch has no instances.
        """
        targets = instance_targets(batch)
        dense = self.look(features, padded_size(batch))
        anchors = torch.cat(dense.anchors)
        iou = box_iou(targets.boxes, anchors)
        positive, negative = self.matcher(iou, targets.valid)
        matched = iou.argmax(1)
        del iou  # the largest tensor here
        labels, objects = pick(targets.labels, matched), pick(targets.boxes, matched)
        of_classes = self.class_losses(dense, labels, positive, positive | negative)
        of_boxes = (self._box_losses(torch.cat(dense.offsets, dim=1), objects, anchors) * positive).sum(1)
        count = positive.sum(1).clamp(min=1)
        return {"loss_classifier": (of_classes / count).mean(), "loss_box": (of_boxes / count).mean()}

    def _box_losses(self, offsets: Tensor, objects: Tensor, anchors: Tensor) -> Tensor:
        """(B, all anchors) float32, of negative anchors too."""
        if self.options.box_loss == "giou":
            return giou_loss(self.coder.decode(offsets, anchors), objects)
        wanted = self.coder.encode(objects, anchors)
        return F.smooth_l1_loss(offsets.float(), wanted, beta=self.options.smooth_l1_beta, reduction="none").sum(-1)
