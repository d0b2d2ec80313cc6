"""Faster R-CNN (Ren et al. 2015) on a feature pyramid (Lin et al. 2017), with shapes that follow from the batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from torch import Tensor

from hub import Batch, ClassRows, Features, InstanceTargets, LabelSpace
from hub.errors import OptionError
from hub_detection.anchors import AnchorGenerator
from hub_detection.box_coder import BoxCoder
from hub_detection.detection_head import DetectionHead, padded_size
from hub_detection.matcher import Matcher
from hub_detection.targets import instance_targets
from hub_detection.two_stage.box_head import BoxHead
from hub_detection.two_stage.options import FasterRCNNOptions, TwoStageOptions
from hub_detection.two_stage.roi_align import RoIAlign
from hub_detection.two_stage.roi_branch import RoIBranch
from hub_detection.two_stage.roi_sampler import RoIs, RoISampler
from hub_detection.two_stage.rpn import RPN, Proposals


class FasterRCNN(DetectionHead):
    """A region proposal network, and a head that classifies and refines its boxes.

    Other two-stage heads derive from it: they add branches that look at the boxes (`roi_branches`), or put another
    second stage in the place of `box_losses` and `box_detections`.

    Args:
        channels: level → channels; the same for all levels.
        strides: level → stride in pixels.
        labels: the classes.
        options: see `FasterRCNNOptions`.

    Raises:
        OptionError: levels of different widths, or that boxes cannot be pooled from.
    """

    Options: ClassVar[type[TwoStageOptions]] = FasterRCNNOptions
    options: TwoStageOptions

    def __init__(
        self,
        channels: Mapping[str, int],
        strides: Mapping[str, int],
        labels: LabelSpace,
        options: TwoStageOptions,
    ) -> None:
        super().__init__(channels, strides, labels, options)
        widths = {channels[level] for level in options.anchor_levels}
        if len(widths) > 1:
            raise OptionError(
                f"a two-stage head reads levels of one width, not {dict(channels)}",
                fix="use a pyramid, as in faster-rcnn/resnet50-fpn",
            )
        (width,) = widths
        o = options
        anchors = AnchorGenerator(
            [(size,) for size in o.anchor_sizes],
            o.aspect_ratios,
            [strides[level] for level in o.anchor_levels],
            spacing=o.anchor_strides,
        )
        self.rpn = RPN(
            width,
            anchors,
            Matcher(o.rpn_fg_iou_thresh, o.rpn_bg_iou_thresh, allow_low_quality_matches=True),
            convs=o.rpn_num_convs,
            samples=o.rpn_batch_size_per_image,
            positive_fraction=o.rpn_positive_fraction,
            nms_thresh=o.rpn_nms_thresh,
            beta=o.smooth_l1_beta,
        )
        self.box_pool = self.make_pool(o.box_pooler_resolution)
        self.build_box_heads(width)
        self.anchor_levels, self.pool_levels = o.anchor_levels, o.pool_levels
        self.training_limits = {"candidates": o.rpn_pre_nms_topk_train, "keep": o.rpn_post_nms_topk_train}
        self.test_limits = {"candidates": o.rpn_pre_nms_topk_test, "keep": o.rpn_post_nms_topk_test}
        self.detection_limits: dict[str, Any] = {
            "score_thresh": o.score_thresh,
            "nms_thresh": o.nms_thresh,
            "keep": o.detections_per_img,
        }

    @classmethod
    def levels(cls, options: FasterRCNNOptions) -> tuple[str, ...]:
        """The levels that anchors live on."""
        return options.anchor_levels

    def build_box_heads(self, width: int) -> None:
        """Build what learns from proposals, for levels of this width."""
        o = self.options
        assert isinstance(o, FasterRCNNOptions)
        self.roi_sampler = RoISampler(
            Matcher(o.box_fg_iou_thresh, o.box_bg_iou_thresh), o.box_batch_size_per_image, o.box_positive_fraction
        )
        self.box_head = self.make_box_head(width, o.bbox_reg_weights)

    @property
    def max_positives(self) -> int:
        """Of the boxes of one image that the branches learn from."""
        return self.roi_sampler.positives

    def make_pool(self, size: int) -> RoIAlign:
        """What pools boxes into grids of this side, as the options want it."""
        o = self.options
        strides = [self.strides[level] for level in o.pool_levels]
        return RoIAlign(strides, size=size, sampling_ratio=o.sampling_ratio, aligned=o.aligned)

    def make_box_head(
        self, width: int, weights: tuple[float, float, float, float], *, agnostic: bool = False
    ) -> BoxHead:
        """One box head as the options want it."""
        o = self.options
        return BoxHead(
            width,
            len(self.labels),
            coder=BoxCoder(weights),
            box_pooler_resolution=o.box_pooler_resolution,
            convs=o.box_head_num_convs,
            norm=o.box_head_norm,
            fcs=o.box_head_num_fcs,
            conv_channels=o.box_head_conv_channels,
            width=o.box_head_fc_channels,
            agnostic=agnostic,
            loss=o.box_loss,
            beta=o.smooth_l1_beta,
        )

    def roi_branches(self) -> Sequence[RoIBranch]:
        """What else is said about each object."""
        return ()

    def losses(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """The losses of a batch.

        Args:
            features: level → (B, C, H, W).
            batch: with instances.

        Returns:
            ``loss_rpn_objectness`` and ``loss_rpn_box``, those of `box_losses` and of each branch, float32 scalars.

        Raises:
            DataError: the batch has no instances.
        """
        targets = instance_targets(batch)
        levels = self.rpn.embed([features[level] for level in self.anchor_levels])
        dense = self.rpn(levels, padded_size(batch))
        proposals = self.rpn.propose(dense, batch.sizes, **self.training_limits)
        pooled_from = [features[level] for level in self.pool_levels]
        rois, of_boxes = self.box_losses(pooled_from, proposals, targets, batch.sizes)
        losses = {**self.rpn.losses(levels, dense.anchors, targets), **of_boxes}
        for branch in self.roi_branches():
            losses |= branch.losses(pooled_from, rois, targets)
        return losses

    def box_losses(
        self, features: Sequence[Tensor], proposals: Proposals, targets: InstanceTargets, sizes: Tensor
    ) -> tuple[RoIs, dict[str, Tensor]]:
        """The second stage's losses, ``loss_classifier`` and ``loss_box``, and the boxes that it learned from.

        Args:
            features: of each level to pool from (B, C, H, W).
            proposals: of the RPN.
            targets: from `instance_targets`.
            sizes: (B, 2) height and width of the images in pixels.
        """
        rois = self.roi_sampler(proposals, targets)
        logits, offsets = self.box_head(self.box_pool(features, rois.boxes), len(sizes))
        return rois, self.box_head.losses(logits, offsets, rois, targets)

    def predict(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """The objects found, in pixels of the resized images: as `BoxHead.detections`, and what each branch adds."""
        levels = self.rpn.embed([features[level] for level in self.anchor_levels])
        dense = self.rpn(levels, padded_size(batch))
        proposals = self.rpn.propose(dense, batch.sizes, **self.test_limits)
        pooled_from = [features[level] for level in self.pool_levels]
        found = self.box_detections(pooled_from, proposals, batch.sizes)
        for branch in self.roi_branches():
            found |= branch.predict(pooled_from, found)
        return found

    def box_detections(self, features: Sequence[Tensor], proposals: Proposals, sizes: Tensor) -> dict[str, Tensor]:
        """The objects found; arguments as in `box_losses`, answers as in `BoxHead.detections`."""
        logits, offsets = self.box_head(self.box_pool(features, proposals.boxes), len(sizes))
        scores = logits.float().softmax(-1)
        return self.box_head.detections(scores, offsets, proposals, sizes, **self.detection_limits)

    def class_rows(self) -> dict[str, ClassRows]:
        """The rows of the predictors of every part that has classes."""
        return {
            f"{path}.{name}": rows
            for path, part in self.named_modules()
            if isinstance(part, BoxHead | RoIBranch)
            for name, rows in part.class_rows().items()
        }
