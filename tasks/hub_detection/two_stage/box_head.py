"""The box head: classify pooled boxes and refine them (Girshick 2015, https://arxiv.org/abs/1504.08083)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hub import ClassRows, InstanceTargets
from hub_detection.box_coder import BoxCoder
from hub_detection.boxes import clip_boxes, pick, sides_at_least
from hub_detection.layers import conv_tower
from hub_detection.losses import box_loss, class_loss, giou_box_loss
from hub_detection.nms import nms
from hub_detection.options import BoxLoss, Norm
from hub_detection.two_stage.roi_sampler import RoIs
from hub_detection.two_stage.rpn import Proposals

_MIN_SIZE = 1e-2  # pixels; smaller detections are dropped


class BoxHead(nn.Module):
    """Convolutions and fully connected layers, then a score and a box for each class.

    Args:
        channels: of the pooled features.
        num_classes: without background, which is class 0 inside this module.
        box_coder: converts between boxes and deltas.
        resolution: height and width of the pooled grid.
        num_convs: 3 × 3 convolutions before the fully connected layers.
        norm: after each of them.
        num_fcs: fully connected layers, at least 1.
        conv_channels, fc_channels: of the convolutions and of the fully connected layers.
        cls_agnostic_bbox_reg: predict one box for all classes.
        box_loss: smooth L1 of the deltas, or GIoU of the boxes.
        smooth_l1_beta: see `hub_detection.losses.box_loss`.
    """

    def __init__(
        self,
        channels: int,
        num_classes: int,
        *,
        box_coder: BoxCoder,
        resolution: int = 7,
        num_convs: int = 0,
        norm: Norm = "none",
        num_fcs: int = 2,
        conv_channels: int = 256,
        fc_channels: int = 1024,
        cls_agnostic_bbox_reg: bool = False,
        box_loss: BoxLoss = "smooth_l1",
        smooth_l1_beta: float = 1 / 9,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.box_coder = box_coder
        self.cls_agnostic_bbox_reg = cls_agnostic_bbox_reg
        self.box_loss = box_loss
        self.smooth_l1_beta = smooth_l1_beta
        self.convs = conv_tower(channels, conv_channels, num_convs, norm=norm)
        in_features = resolution**2 * (conv_channels if num_convs else channels)
        # fc6, fc7: the names of VGG's layers, which the first detectors kept with its weights.
        self.fc_names = [f"fc{6 + i}" for i in range(num_fcs)]
        layers = []
        for i, name in enumerate(self.fc_names):
            fc = nn.Linear(fc_channels if i else in_features, fc_channels)
            nn.init.kaiming_uniform_(fc.weight, a=1)
            self.add_module(name, fc)
            layers.append(fc)
        self.cls_score = nn.Linear(fc_channels, num_classes + 1)
        self.bbox_pred = nn.Linear(fc_channels, 4 if cls_agnostic_bbox_reg else (num_classes + 1) * 4)
        # Small weights: at the start all classes have the same score and boxes stay where they are (ibid., section 4).
        nn.init.normal_(self.cls_score.weight, std=0.01)
        nn.init.normal_(self.bbox_pred.weight, std=0.001)
        for layer in (*layers, self.cls_score, self.bbox_pred):
            nn.init.zeros_(layer.bias)

    def forward(self, pooled: Tensor, batch_size: int) -> tuple[Tensor, Tensor]:
        """Classify pooled boxes and predict their deltas.

        Args:
            pooled: (B · R, C, resolution, resolution) in channels_last layout: `fc6` flattens rows, columns, channels.
            batch_size: B.

        Returns:
            Logits (B, R, classes + 1) and deltas (B, R, classes + 1, 4), or (B, R, 1, 4) if class-agnostic.
        """
        hidden = self.convs(pooled).permute(0, 2, 3, 1).flatten(1)
        for name in self.fc_names:
            hidden = F.relu(self.get_submodule(name)(hidden), inplace=True)
        logits = self.cls_score(hidden).view(batch_size, -1, self.num_classes + 1)
        return logits, self.bbox_pred(hidden).view(*logits.shape[:2], -1, 4)

    def losses(self, logits: Tensor, deltas: Tensor, rois: RoIs, targets: InstanceTargets) -> dict[str, Tensor]:
        """Return ``loss_classifier`` and ``loss_box`` (ibid., equation 1), float32 scalars."""
        if self.cls_agnostic_bbox_reg:
            own = deltas.squeeze(2)
        else:
            own = deltas.gather(2, rois.labels[..., None, None].expand(-1, -1, 1, 4)).squeeze(2)
        matched_boxes = pick(targets.boxes, rois.matched)
        if self.box_loss == "giou":
            boxes = self.box_coder.decode(own, rois.boxes)
            loss = giou_box_loss(boxes, matched_boxes, rois.positive, rois.valid)
        else:
            target_deltas = self.box_coder.encode(matched_boxes, rois.boxes)
            loss = box_loss(own, target_deltas, rois.positive, rois.valid, beta=self.smooth_l1_beta)
        return {"loss_classifier": class_loss(logits, rois.labels, rois.valid), "loss_box": loss}

    def postprocess(
        self,
        scores: Tensor,
        deltas: Tensor,
        proposals: Proposals,
        sizes: Tensor,
        *,
        score_thresh: float,
        nms_thresh: float,
        detections_per_img: int,
    ) -> dict[str, Tensor]:
        """Return the detections of each image by descending score.

        Args:
            scores: (B, R, classes + 1) float32, the softmax of `forward`'s logits.
            deltas: from `forward`.
            proposals: that they belong to.
            sizes: (B, 2) height and width of the images in pixels; boxes are clipped to them.
            score_thresh: only detections with a higher score are kept.
            nms_thresh: IoU above which the lower-scored of two boxes of one class is suppressed.
            detections_per_img: D.

        Returns:
            ``boxes`` (B, D, 4) float32 in pixels, ``scores`` (B, D) float32, ``labels`` (B, D) int64 from 0,
            and ``valid`` (B, D) bool; zeros where not valid.
        """
        # The background is dropped before boxes are decoded. Each class of each box is a candidate of its own.
        scores = scores[..., 1:]
        own = deltas if self.cls_agnostic_bbox_reg else deltas[..., 1:, :]
        boxes = clip_boxes(self.box_coder.decode(own, proposals.boxes[..., None, :]), sizes)
        boxes = boxes.expand(-1, -1, self.num_classes, -1)
        valid = (scores > score_thresh) & sides_at_least(boxes, _MIN_SIZE) & proposals.valid[..., None]
        labels = torch.arange(self.num_classes, device=scores.device).repeat(scores.shape[1])
        boxes, scores = boxes.flatten(1, 2), scores.flatten(1)
        index, used = nms(boxes, scores, labels, valid.flatten(1), nms_thresh, detections_per_img)
        return {
            "boxes": pick(boxes, index) * used[..., None],
            "scores": pick(scores, index) * used,
            "labels": labels[index] * used,
            "valid": used,
        }

    def class_rows(self) -> dict[str, ClassRows]:
        """Return the rows per class of the predictors; see `hub.Head.class_rows`."""
        widths = {"cls_score": 1} if self.cls_agnostic_bbox_reg else {"cls_score": 1, "bbox_pred": 4}
        return {
            f"{layer}.{part}": ClassRows(offset=1, width=width)
            for layer, width in widths.items()
            for part in ("weight", "bias")
        }
