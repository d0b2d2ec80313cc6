"""RetinaNet: anchors and the focal loss (Lin et al. 2017b, https://arxiv.org/abs/1708.02002)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from hub import Batch, Features, LabelSpace
from hub_detection.anchors import AnchorGenerator
from hub_detection.box_coder import BoxCoder
from hub_detection.boxes import pick
from hub_detection.detection_head import padded_size
from hub_detection.losses import generalized_box_iou_loss
from hub_detection.matcher import Matcher
from hub_detection.one_stage.base import OneStageHead
from hub_detection.one_stage.options import RetinaNetOptions
from hub_detection.targets import instance_targets


class RetinaNet(OneStageHead[RetinaNetOptions]):
    """Classify several anchors per cell and regress their boxes.

    Args:
        channels, strides, labels: as for `OneStageHead`.
        options: see `RetinaNetOptions`.
    """

    def __init__(
        self,
        channels: Mapping[str, int],
        strides: Mapping[str, int],
        labels: LabelSpace,
        options: RetinaNetOptions,
    ) -> None:
        super().__init__(channels, strides, labels, options)
        self.box_coder = BoxCoder(bbox_xform_clip=options.bbox_xform_clip)
        self.matcher = Matcher(options.fg_iou_thresh, options.bg_iou_thresh, allow_low_quality_matches=True)

    def make_anchor_generator(self) -> AnchorGenerator:
        """Build a generator of ``scales_per_octave`` sizes of each aspect ratio (ibid., section 4)."""
        o = self.options
        scales = [2 ** (i / o.scales_per_octave) for i in range(o.scales_per_octave)]
        sizes = [[int(size * scale) if scale > 1 else size for scale in scales] for size in o.anchor_sizes]
        return self.anchor_generator_of(sizes, o.aspect_ratios)

    def losses(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """Return the losses of a batch: the mean over images, each divided by its number of positive anchors.

        Args:
            features: level → (B, C, H, W).
            batch: with instances.

        Returns:
            ``loss_classifier`` and ``loss_box``, float32 scalars.

        Raises:
            DataError: the batch has no instances.
        """
        targets = instance_targets(batch)
        dense = self.dense_predictions(features, padded_size(batch))
        anchors = torch.cat(dense.anchors)
        (positive, negative), matched = self.matcher.with_objects(targets.boxes, anchors, targets.valid)
        labels, matched_boxes = pick(targets.labels, matched), pick(targets.boxes, matched)
        class_losses = self.class_losses(dense, labels, positive, positive | negative)
        box_losses = self._box_losses(torch.cat(dense.deltas, dim=1), matched_boxes, anchors)
        count = positive.sum(1).clamp(min=1)
        return {
            "loss_classifier": (class_losses / count).mean(),
            "loss_box": ((box_losses * positive).sum(1) / count).mean(),
        }

    def _box_losses(self, deltas: Tensor, matched_boxes: Tensor, anchors: Tensor) -> Tensor:
        """Return (B, all anchors) float32, also for negative anchors."""
        if self.options.box_loss == "giou":
            return generalized_box_iou_loss(self.box_coder.decode(deltas, anchors), matched_boxes)
        target_deltas = self.box_coder.encode(matched_boxes, anchors)
        beta = self.options.smooth_l1_beta
        return F.smooth_l1_loss(deltas.float(), target_deltas, beta=beta, reduction="none").sum(-1)
