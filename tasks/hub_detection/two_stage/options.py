"""The options of two-stage heads."""

from __future__ import annotations

from typing import Annotated

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationInfo,
    field_validator,
)

from hub.contract import Fraction
from hub_detection.options import BBOX_XFORM_CLIP, BoxLoss, DetectionOptions, Norm


class TwoStageOptions(DetectionOptions):
    """Options of every two-stage head: these, and those of `DetectionOptions`.

    The defaults are torchvision's, which follow Lin et al. 2017.

    Attributes:
        anchor_levels: levels with anchors.
        pool_levels: those of ``anchor_levels`` that RoIs are pooled from, each with twice the stride of the one before.
        anchor_sizes: per level the square root of its anchors' areas, in pixels.
        aspect_ratios: height / width of the anchors.
        rpn_num_convs: 3 × 3 convolutions in the RPN; 2 in torchvision's v2 models.
        rpn_pre_nms_topk_train, rpn_pre_nms_topk_test: anchors per level that NMS receives.
        rpn_post_nms_topk_train, rpn_post_nms_topk_test: proposals per image that are kept after NMS.
        rpn_nms_thresh: IoU above which the lower-scored of two proposals is suppressed.
        rpn_fg_iou_thresh, rpn_bg_iou_thresh: IoU from which an anchor is positive, and below which it is negative.
        rpn_batch_size_per_image: anchors per image that the RPN's loss samples.
        rpn_positive_fraction: at most this fraction of them is positive.
        box_batch_size_per_image: proposals per image that the box head's loss samples.
        box_positive_fraction: at most this fraction of them is positive.
        box_pooler_resolution: height and width of the grid that a box is pooled into.
        sampling_ratio: sampling points along each side of a bin; 0 adapts their number to the size of the box, as in
            detectron2, which is slower.
        aligned: shift boxes by half a pixel before pooling, like detectron2.
        box_head_num_convs: 3 × 3 convolutions in the box head; 4 in torchvision's v2 models.
        box_head_norm: after each of them: none, batch (torchvision's v2), group, sync or frozen.
        box_head_num_fcs: fully connected layers after them; 1 in torchvision's v2 models.
        box_head_conv_channels, box_head_fc_channels: of the convolutions and of the fully connected layers.
        box_loss: of the box head: smooth_l1 of the deltas or giou of the boxes.
        smooth_l1_beta: where both smooth L1 losses change from quadratic to linear.
        bbox_xform_clip: upper limit of the deltas dw and dh; see `hub_detection.box_coder.BoxCoder`.
    """

    anchor_levels: tuple[str, ...] = ("p2", "p3", "p4", "p5", "p6")
    pool_levels: tuple[str, ...] = ("p2", "p3", "p4", "p5")
    anchor_sizes: tuple[PositiveFloat, ...] = (32, 64, 128, 256, 512)
    aspect_ratios: tuple[PositiveFloat, ...] = (0.5, 1.0, 2.0)
    rpn_num_convs: PositiveInt = 1
    rpn_pre_nms_topk_train: PositiveInt = 2000
    rpn_pre_nms_topk_test: PositiveInt = 1000
    rpn_post_nms_topk_train: PositiveInt = 2000
    rpn_post_nms_topk_test: PositiveInt = 1000
    rpn_nms_thresh: Fraction = 0.7
    rpn_fg_iou_thresh: Fraction = 0.7
    rpn_bg_iou_thresh: Fraction = 0.3
    rpn_batch_size_per_image: PositiveInt = 256
    rpn_positive_fraction: Fraction = 0.5
    box_batch_size_per_image: PositiveInt = 512
    box_positive_fraction: Fraction = 0.25
    box_pooler_resolution: PositiveInt = 7
    sampling_ratio: NonNegativeInt = 2
    aligned: bool = False
    box_head_num_convs: NonNegativeInt = 0
    box_head_norm: Norm = "none"
    box_head_num_fcs: PositiveInt = 2
    box_head_conv_channels: PositiveInt = 256
    box_head_fc_channels: PositiveInt = 1024
    box_loss: BoxLoss = "smooth_l1"
    smooth_l1_beta: NonNegativeFloat = 1 / 9
    bbox_xform_clip: PositiveFloat = BBOX_XFORM_CLIP

    @field_validator("pool_levels")
    @classmethod
    def _pool_levels_are_anchor_levels(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if not value or not set(value) <= set(info.data.get("anchor_levels", value)):
            raise ValueError("must be some of 'anchor_levels'")
        return value

    @field_validator("anchor_sizes")
    @classmethod
    def _one_size_per_level(cls, value: tuple[float, ...], info: ValidationInfo) -> tuple[float, ...]:
        if len(value) != len(info.data.get("anchor_levels", value)):
            raise ValueError("must be one size for each of 'anchor_levels'")
        return value

    @field_validator("rpn_bg_iou_thresh", "box_bg_iou_thresh", check_fields=False)
    @classmethod
    def _background_below_foreground(cls, value: float, info: ValidationInfo) -> float:
        foreground = str(info.field_name).replace("bg", "fg")
        if value > info.data.get(foreground, value):
            raise ValueError(f"must not be above {foreground!r}")
        return value


class FasterRCNNOptions(TwoStageOptions):
    """Options of Faster R-CNN: these, and those of `TwoStageOptions`.

    Attributes:
        box_fg_iou_thresh: IoU from which a proposal is positive.
        box_bg_iou_thresh: IoU below which a proposal is background.
        bbox_reg_weights: of the four deltas (dx, dy, dw, dh) in the box head; see `BoxCoder`.
        cls_agnostic_bbox_reg: predict one box for all classes instead of one per class.
    """

    box_fg_iou_thresh: Fraction = 0.5
    box_bg_iou_thresh: Fraction = 0.5
    bbox_reg_weights: tuple[PositiveFloat, PositiveFloat, PositiveFloat, PositiveFloat] = (10.0, 10.0, 5.0, 5.0)
    cls_agnostic_bbox_reg: bool = False


class MaskOptions(TwoStageOptions):
    """Options of heads with a mask branch; the defaults are those of He et al. 2017.

    Attributes:
        mask_pooler_resolution: height and width of the grid that a box is pooled into; masks have twice that.
        mask_head_num_convs, mask_head_channels: 3 × 3 convolutions before the upsampling, and their channels.
        mask_head_norm: after each of them: none, batch (torchvision's v2), group, sync or frozen.
        mask_thresh: pixels with at least this probability belong to the object.
    """

    mask_pooler_resolution: PositiveInt = 14
    mask_head_num_convs: NonNegativeInt = 4
    mask_head_channels: PositiveInt = 256
    mask_head_norm: Norm = "none"
    mask_thresh: Fraction = 0.5


class MaskRCNNOptions(MaskOptions, FasterRCNNOptions):
    """Options of Mask R-CNN: those of the mask branch, and those of `FasterRCNNOptions`."""


class KeypointRCNNOptions(FasterRCNNOptions):
    """Options of Keypoint R-CNN: these, and those of `FasterRCNNOptions`.

    Attributes:
        num_keypoints: keypoints per object.
        keypoint_sigmas: standard deviation of each keypoint for COCO's OKS, relative to the object's scale; by default
            COCO's where there are 17, and 0.05 for each otherwise.
        keypoint_pooler_resolution: height and width of the grid that a box is pooled into; heatmaps have four times
            that.
        keypoint_head_num_convs, keypoint_head_channels: 3 × 3 convolutions before the heatmaps, and their channels.
    """

    num_keypoints: PositiveInt = 17
    keypoint_sigmas: tuple[PositiveFloat, ...] | None = None
    keypoint_pooler_resolution: PositiveInt = 14
    keypoint_head_num_convs: NonNegativeInt = 8
    keypoint_head_channels: PositiveInt = 512

    @field_validator("keypoint_sigmas")
    @classmethod
    def _one_sigma_per_keypoint(cls, value: tuple[float, ...] | None, info: ValidationInfo) -> tuple[float, ...] | None:
        if value is not None and len(value) != info.data.get("num_keypoints", len(value)):
            raise ValueError("must be one for each of 'num_keypoints'")
        return value


class CascadeRCNNOptions(TwoStageOptions):
    """Options of Cascade R-CNN: these, and those of `TwoStageOptions`; the defaults are Cai and Vasconcelos's.

    Attributes:
        stage_ious: IoU from which a box is positive, one per stage.
        stage_bbox_reg_weights: of the four deltas in each stage; see `BoxCoder`.
        stage_loss_weights: factor of the losses of each stage.
    """

    stage_ious: Annotated[tuple[Fraction, ...], Field(min_length=1)] = (0.5, 0.6, 0.7)
    stage_bbox_reg_weights: tuple[tuple[PositiveFloat, PositiveFloat, PositiveFloat, PositiveFloat], ...] = (
        (10.0, 10.0, 5.0, 5.0),
        (20.0, 20.0, 10.0, 10.0),
        (30.0, 30.0, 15.0, 15.0),
    )
    stage_loss_weights: tuple[PositiveFloat, ...] = (1.0, 0.5, 0.25)

    @field_validator("stage_bbox_reg_weights", "stage_loss_weights")
    @classmethod
    def _one_per_stage(cls, value: tuple[object, ...], info: ValidationInfo) -> tuple[object, ...]:
        if len(value) != len(info.data.get("stage_ious", value)):
            raise ValueError("must be one for each of 'stage_ious'")
        return value


class CascadeMaskRCNNOptions(MaskOptions, CascadeRCNNOptions):
    """Options of Cascade Mask R-CNN: those of the mask branch, and those of `CascadeRCNNOptions`."""
