"""Cascade R-CNN: each stage refines the boxes of the one before.

Reference: Cai and Vasconcelos 2018, https://arxiv.org/abs/1712.00726
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from hub import InstanceTargets
from hub_detection.boxes import clip_boxes, sides_at_least
from hub_detection.matcher import Matcher
from hub_detection.two_stage.box_head import BoxHead
from hub_detection.two_stage.faster_rcnn import FasterRCNN
from hub_detection.two_stage.mask_rcnn import MaskRCNN
from hub_detection.two_stage.options import CascadeMaskRCNNOptions, CascadeRCNNOptions, TwoStageOptions
from hub_detection.two_stage.roi_sampler import RoIs, RoISampler
from hub_detection.two_stage.rpn import Proposals

_MIN_SIDE = 1e-2  # pixels; a smaller box that a stage gives is not learned from by the next


class CascadeRCNN(FasterRCNN):
    """`FasterRCNN` whose second stage is several box heads, one after the other.

    Each is trained with boxes of the one before and with a stricter overlap for what counts as an object. At test
    time the boxes are the last one's, and their scores the mean of all (ibid., section 4).

    Args:
        channels, strides, labels: as for `FasterRCNN`.
        options: see `CascadeRCNNOptions`.
    """

    Options: ClassVar[type[TwoStageOptions]] = CascadeRCNNOptions
    options: CascadeRCNNOptions
    box_heads: Sequence[BoxHead]

    def build_box_heads(self, width: int) -> None:
        """A sampler and a class-agnostic box head for each stage."""
        o = self.options
        self.roi_samplers = [
            RoISampler(Matcher(iou, iou), o.box_batch_size_per_image, o.box_positive_fraction) for iou in o.stage_ious
        ]
        heads = [self.make_box_head(width, weights, agnostic=True) for weights in o.stage_bbox_reg_weights]
        self.box_heads = nn.ModuleList(heads)  # type: ignore[assignment]

    @property
    def max_positives(self) -> int:
        """Of the first stage, from which masks learn."""
        return self.roi_samplers[0].positives

    def box_losses(
        self, features: Sequence[Tensor], proposals: Proposals, targets: InstanceTargets, sizes: Tensor
    ) -> tuple[RoIs, dict[str, Tensor]]:
        """``loss_classifier_1``, ``loss_box_1`` and so on for each stage, and the boxes that the first learned from."""
        first, *later = self.roi_samplers
        rois = drawn = first(proposals, targets)
        losses: dict[str, Tensor] = {}
        for stage, head in enumerate(self.box_heads):
            logits, offsets = head(self.box_pool(features, rois.boxes), len(sizes))
            weight = self.options.stage_loss_weights[stage]
            for name, loss in head.losses(logits, offsets, rois, targets).items():
                losses[f"{name}_{stage + 1}"] = weight * loss
            if stage < len(later):
                boxes = _refined(head, offsets, rois.boxes, sizes)
                rois = later[stage].rematch(boxes, rois.valid & sides_at_least(boxes, _MIN_SIDE), targets)
        return drawn, losses

    def box_detections(self, features: Sequence[Tensor], proposals: Proposals, sizes: Tensor) -> dict[str, Tensor]:
        """The objects found; see `FasterRCNN.box_detections`."""
        scores = []
        boxes = proposals.boxes
        for head in self.box_heads:
            proposals = proposals._replace(boxes=boxes)
            logits, offsets = head(self.box_pool(features, boxes), len(sizes))
            scores.append(logits.float().softmax(-1))
            boxes = _refined(head, offsets, boxes, sizes)
        mean = torch.stack(scores).mean(0)
        return self.box_heads[-1].detections(mean, offsets, proposals, sizes, **self.detection_limits)


class CascadeMaskRCNN(MaskRCNN, CascadeRCNN):
    """`CascadeRCNN` with the masks of `MaskRCNN`, learned from the first stage's boxes and predicted in the last's.

    Args:
        channels, strides, labels: as for `FasterRCNN`.
        options: see `CascadeMaskRCNNOptions`.
    """

    Options = CascadeMaskRCNNOptions
    options: CascadeMaskRCNNOptions


@torch.no_grad()
def _refined(head: BoxHead, offsets: Tensor, boxes: Tensor, sizes: Tensor) -> Tensor:
    """Boxes (B, R, 4) after one stage, without gradient: the next one takes them as they are."""
    return clip_boxes(head.coder.decode(offsets.squeeze(2), boxes), sizes)
