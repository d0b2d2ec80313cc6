"""Cascade R-CNN: each stage refines the boxes of the one before.

Reference: Cai and Vasconcelos 2018, https://arxiv.org/abs/1712.00726
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, cast

import torch
from torch import Tensor, nn
from typing_extensions import TypeVar

from hub import InstanceTargets
from hub_detection.boxes import clip_boxes, sides_at_least
from hub_detection.matcher import Matcher
from hub_detection.two_stage.box_head import BoxHead
from hub_detection.two_stage.faster_rcnn import FasterRCNN
from hub_detection.two_stage.mask_rcnn import MaskRCNN
from hub_detection.two_stage.options import CascadeMaskRCNNOptions, CascadeRCNNOptions
from hub_detection.two_stage.roi_sampler import RoIs, RoISampler
from hub_detection.two_stage.rpn import Proposals

_MIN_SIZE = 1e-2  # pixels; smaller boxes of one stage are ignored by the losses of the next

O = TypeVar("O", bound=CascadeRCNNOptions, default=CascadeRCNNOptions)  # noqa: E741


class CascadeRCNN(FasterRCNN[O]):
    """`FasterRCNN` with several box heads in sequence instead of one.

    Each box head is trained on boxes of the one before, with a higher IoU threshold for positives. At test time the
    boxes are those of the last stage, and the scores are averaged over all stages (ibid., section 4).

    Args:
        channels, strides, labels: as for `FasterRCNN`.
        options: see `CascadeRCNNOptions`.
    """

    Options: ClassVar[type[CascadeRCNNOptions]] = CascadeRCNNOptions

    def build_box_heads(self, channels: int) -> None:
        """Build a sampler and a class-agnostic box head for each stage."""
        o = self.options
        self.roi_samplers = [
            RoISampler(Matcher(iou, iou), o.box_batch_size_per_image, o.box_positive_fraction) for iou in o.stage_ious
        ]
        self.box_heads = nn.ModuleList(
            self.make_box_head(channels, weights, cls_agnostic_bbox_reg=True) for weights in o.stage_bbox_reg_weights
        )

    @property
    def max_positives(self) -> int:
        """The most positive RoIs per image in the first stage, whose RoIs the branches learn from."""
        return self.roi_samplers[0].max_positives

    def box_losses(
        self, features: Sequence[Tensor], proposals: Proposals, targets: InstanceTargets, sizes: Tensor
    ) -> tuple[RoIs, dict[str, Tensor]]:
        """Return the RoIs of the first stage, and ``loss_classifier_1``, ``loss_box_1`` and so on for each stage."""
        first, *later = self.roi_samplers
        rois = first_rois = first(proposals, targets)
        losses: dict[str, Tensor] = {}
        for stage, head in enumerate(self._stages()):
            logits, deltas = head(self.box_pool(features, rois.boxes), sizes.shape[0])
            weight = self.options.stage_loss_weights[stage]
            for name, loss in head.losses(logits, deltas, rois, targets).items():
                losses[f"{name}_{stage + 1}"] = weight * loss
            if stage < len(later):
                boxes = _refine(head, deltas, rois.boxes, sizes)
                rois = later[stage].rematch(boxes, rois.valid & sides_at_least(boxes, _MIN_SIZE), targets)
        return first_rois, losses

    def box_detections(self, features: Sequence[Tensor], proposals: Proposals, sizes: Tensor) -> dict[str, Tensor]:
        """Return the detections; see `FasterRCNN.box_detections`."""
        o = self.options
        scores = []
        boxes = proposals.boxes
        for head in self._stages():
            proposals = proposals._replace(boxes=boxes)
            logits, deltas = head(self.box_pool(features, boxes), sizes.shape[0])
            scores.append(logits.float().softmax(-1))
            boxes = _refine(head, deltas, boxes, sizes)
        return self._stages()[-1].postprocess(
            torch.stack(scores).mean(0),
            deltas,
            proposals,
            sizes,
            score_thresh=o.score_thresh,
            nms_thresh=o.nms_thresh,
            detections_per_img=o.detections_per_img,
        )

    def _stages(self) -> Sequence[BoxHead]:
        return cast(Sequence[BoxHead], self.box_heads)


class CascadeMaskRCNN(MaskRCNN[CascadeMaskRCNNOptions], CascadeRCNN[CascadeMaskRCNNOptions]):
    """`CascadeRCNN` with the mask branch of `MaskRCNN`, trained on the RoIs of the first stage.

    At test time it predicts masks in the boxes of the last stage.

    Args:
        channels, strides, labels: as for `FasterRCNN`.
        options: see `CascadeMaskRCNNOptions`.
    """

    Options: ClassVar[type[CascadeMaskRCNNOptions]] = CascadeMaskRCNNOptions


@torch.no_grad()
def _refine(head: BoxHead, deltas: Tensor, boxes: Tensor, sizes: Tensor) -> Tensor:
    """Return the refined boxes (B, R, 4), without gradient to the next stage."""
    return clip_boxes(head.box_coder.decode(deltas.squeeze(2), boxes), sizes)
