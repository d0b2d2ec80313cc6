"""Faster R-CNN (Ren et al. 2015) on a feature pyramid (Lin et al. 2017), with shapes that follow from the batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from torch import Tensor
from typing_extensions import TypeVar

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

O = TypeVar("O", bound=TwoStageOptions, default=FasterRCNNOptions)  # noqa: E741


class FasterRCNN(DetectionHead[O]):
    """A region proposal network, and a box head that classifies and refines its proposals.

    Base of the other two-stage heads: they add branches that predict more about each box (`roi_branches`), or replace
    the box head (`build_box_heads`, `box_losses` and `box_detections`).

    Args:
        channels: level → channels; the same for all levels.
        strides: level → stride in pixels.
        labels: the classes.
        options: see `FasterRCNNOptions`.

    Raises:
        OptionError: the levels differ in channels, or their strides are not consecutive.
    """

    Options: ClassVar[type[TwoStageOptions]] = FasterRCNNOptions

    def __init__(self, channels: Mapping[str, int], strides: Mapping[str, int], labels: LabelSpace, options: O) -> None:
        super().__init__(channels, strides, labels, options)
        widths = {channels[level] for level in options.anchor_levels}
        if len(widths) > 1:
            raise OptionError(
                f"a two-stage head needs levels with the same number of channels, not {dict(channels)}",
                fix="use a pyramid, as in faster-rcnn/resnet50-fpn",
            )
        (width,) = widths
        o = options
        anchor_generator = AnchorGenerator(
            [(size,) for size in o.anchor_sizes],
            o.aspect_ratios,
            [strides[level] for level in o.anchor_levels],
            anchor_strides=o.anchor_strides,
            offset=o.anchor_offset,
            rounded=o.round_anchors,
        )
        self.rpn = RPN(
            width,
            anchor_generator,
            Matcher(o.rpn_fg_iou_thresh, o.rpn_bg_iou_thresh, allow_low_quality_matches=True),
            num_convs=o.rpn_num_convs,
            batch_size_per_image=o.rpn_batch_size_per_image,
            positive_fraction=o.rpn_positive_fraction,
            nms_thresh=o.rpn_nms_thresh,
            smooth_l1_beta=o.smooth_l1_beta,
            bbox_xform_clip=o.bbox_xform_clip,
        )
        self.box_pool = self.make_pool(o.box_pooler_resolution)
        self.build_box_heads(width)

    @classmethod
    def levels(cls, options: O) -> tuple[str, ...]:
        """Return the levels with anchors."""
        return options.anchor_levels

    def build_box_heads(self, channels: int) -> None:
        """Build what learns from proposals, for levels with this many channels."""
        o = self.options
        assert isinstance(o, FasterRCNNOptions)
        self.roi_sampler = RoISampler(
            Matcher(o.box_fg_iou_thresh, o.box_bg_iou_thresh), o.box_batch_size_per_image, o.box_positive_fraction
        )
        self.box_head = self.make_box_head(channels, o.bbox_reg_weights, cls_agnostic_bbox_reg=o.cls_agnostic_bbox_reg)

    @property
    def max_positives(self) -> int:
        """The most positive RoIs per image that the branches learn from."""
        return self.roi_sampler.max_positives

    def make_pool(self, resolution: int) -> RoIAlign:
        """Build RoIAlign for a grid of this height and width."""
        o = self.options
        strides = [self.strides[level] for level in o.pool_levels]
        return RoIAlign(strides, size=resolution, sampling_ratio=o.sampling_ratio, aligned=o.aligned)

    def make_box_head(
        self, channels: int, weights: tuple[float, float, float, float], *, cls_agnostic_bbox_reg: bool = False
    ) -> BoxHead:
        """Build one box head; ``weights`` are those of its `BoxCoder`."""
        o = self.options
        return BoxHead(
            channels,
            len(self.labels),
            box_coder=BoxCoder(weights, bbox_xform_clip=o.bbox_xform_clip),
            resolution=o.box_pooler_resolution,
            num_convs=o.box_head_num_convs,
            norm=o.box_head_norm,
            num_fcs=o.box_head_num_fcs,
            conv_channels=o.box_head_conv_channels,
            fc_channels=o.box_head_fc_channels,
            cls_agnostic_bbox_reg=cls_agnostic_bbox_reg,
            box_loss=o.box_loss,
            smooth_l1_beta=o.smooth_l1_beta,
        )

    def roi_branches(self) -> Sequence[RoIBranch]:
        """Return the branches that predict more about each box."""
        return ()

    def losses(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """Return the losses of a batch.

        Args:
            features: level → (B, C, H, W).
            batch: with instances.

        Returns:
            ``loss_rpn_objectness`` and ``loss_rpn_box``, those of `box_losses` and of each branch, float32 scalars.

        Raises:
            DataError: the batch has no instances.
        """
        o = self.options
        targets = instance_targets(batch)
        rpn_features = self.rpn.early_convs([features[level] for level in o.anchor_levels])
        dense = self.rpn(rpn_features, padded_size(batch))
        proposals = self.rpn.propose(
            dense, batch.sizes, pre_nms_topk=o.rpn_pre_nms_topk_train, post_nms_topk=o.rpn_post_nms_topk_train
        )
        roi_features = [features[level] for level in o.pool_levels]
        rois, box_losses = self.box_losses(roi_features, proposals, targets, batch.sizes)
        losses = {**self.rpn.losses(rpn_features, dense.anchors, targets), **box_losses}
        for branch in self.roi_branches():
            losses |= branch.losses(roi_features, rois, targets)
        return losses

    def box_losses(
        self, features: Sequence[Tensor], proposals: Proposals, targets: InstanceTargets, sizes: Tensor
    ) -> tuple[RoIs, dict[str, Tensor]]:
        """Return the sampled RoIs, and the losses ``loss_classifier`` and ``loss_box``.

        Args:
            features: per level to pool from (B, C, H, W).
            proposals: of the RPN.
            targets: from `instance_targets`.
            sizes: (B, 2) height and width of the images in pixels.
        """
        rois = self.roi_sampler(proposals, targets)
        logits, deltas = self.box_head(self.box_pool(features, rois.boxes), sizes.shape[0])
        return rois, self.box_head.losses(logits, deltas, rois, targets)

    def predict(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """Return the detections in pixels of the resized images: see `BoxHead.postprocess`, and each branch."""
        o = self.options
        rpn_features = self.rpn.early_convs([features[level] for level in o.anchor_levels])
        dense = self.rpn(rpn_features, padded_size(batch))
        proposals = self.rpn.propose(
            dense, batch.sizes, pre_nms_topk=o.rpn_pre_nms_topk_test, post_nms_topk=o.rpn_post_nms_topk_test
        )
        roi_features = [features[level] for level in o.pool_levels]
        detections = self.box_detections(roi_features, proposals, batch.sizes)
        for branch in self.roi_branches():
            detections |= branch.predict(roi_features, detections)
        return detections

    def box_detections(self, features: Sequence[Tensor], proposals: Proposals, sizes: Tensor) -> dict[str, Tensor]:
        """Return the detections; arguments as for `box_losses`, return value as of `BoxHead.postprocess`."""
        o = self.options
        logits, deltas = self.box_head(self.box_pool(features, proposals.boxes), sizes.shape[0])
        return self.box_head.postprocess(
            logits.float().softmax(-1),
            deltas,
            proposals,
            sizes,
            score_thresh=o.score_thresh,
            nms_thresh=o.nms_thresh,
            detections_per_img=o.detections_per_img,
        )

    def class_rows(self) -> dict[str, ClassRows]:
        """Return the rows per class of all predictors."""
        return {
            f"{path}.{name}": rows
            for path, part in self.named_modules()
            if isinstance(part, BoxHead | RoIBranch)
            for name, rows in part.class_rows().items()
        }
