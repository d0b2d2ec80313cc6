"""The options of two-stage heads."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from hub import Options
from hub_detection.anchors import AnchorStrides
from hub_detection.layers import Norm
from hub_detection.two_stage.box_head import BoxLoss

Count = Annotated[int, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]


class TwoStageOptions(Options):
    """Options of every two-stage head; the defaults are torchvision's, which are those of Lin et al. 2017.

    Attributes:
        anchor_levels: that anchors live on.
        pool_levels: of those the ones that boxes are pooled from, each of twice the stride of the one before.
        anchor_sizes: for each level the square root of its anchors' areas, in pixels.
        aspect_ratios: height / width of the anchors.
        anchor_strides: ``"image"`` as torchvision or ``"level"`` as detectron2; see `AnchorGenerator`.
        rpn_num_convs: layers of 3 × 3 in the RPN; 2 in torchvision's v2.
        rpn_pre_nms_topk_train, rpn_pre_nms_topk_test: anchors of each level that enter NMS ("pre NMS top n").
        rpn_post_nms_topk_train, rpn_post_nms_topk_test: boxes of each image that come out of it ("post NMS top n").
        rpn_nms_thresh: overlap above which only the better of two proposals stays.
        rpn_fg_iou_thresh, rpn_bg_iou_thresh: overlap from which an anchor is positive, and below which it is negative.
        rpn_batch_size_per_image: anchors of each image in the loss.
        rpn_positive_fraction: the most of them that may be positive.
        box_batch_size_per_image: proposals of each image that it learns from.
        box_positive_fraction: the most of them that may be positive.
        box_pooler_resolution: side of the grid that a box is pooled into.
        sampling_ratio: samples along each side of a bin.
        aligned: pool with half a pixel's shift, as detectron2.
        box_head_num_convs: convolutions in the second stage; 4 in v2.
        box_head_norm: after each of them: none, batch (v2), group, sync or frozen.
        box_head_num_fcs: fully connected layers after them; 1 in v2.
        box_head_conv_channels, box_head_fc_channels: of the convolutions and of the fully connected layers.
        box_loss: of the second stage: smooth_l1 of the offsets or giou of the boxes.
        smooth_l1_beta: where both box losses turn from square to linear.
        score_thresh: detections need more than this score.
        nms_thresh: overlap above which only the better of two detections of one class stays.
        detections_per_img: of each image.
    """

    anchor_levels: tuple[str, ...] = ("p2", "p3", "p4", "p5", "p6")
    pool_levels: tuple[str, ...] = ("p2", "p3", "p4", "p5")
    anchor_sizes: tuple[Positive, ...] = (32, 64, 128, 256, 512)
    aspect_ratios: tuple[Positive, ...] = (0.5, 1.0, 2.0)
    anchor_strides: AnchorStrides = "level"
    rpn_num_convs: Count = 1
    rpn_pre_nms_topk_train: Count = 2000
    rpn_pre_nms_topk_test: Count = 1000
    rpn_post_nms_topk_train: Count = 2000
    rpn_post_nms_topk_test: Count = 1000
    rpn_nms_thresh: Fraction = 0.7
    rpn_fg_iou_thresh: Fraction = 0.7
    rpn_bg_iou_thresh: Fraction = 0.3
    rpn_batch_size_per_image: Count = 256
    rpn_positive_fraction: Fraction = 0.5
    box_batch_size_per_image: Count = 512
    box_positive_fraction: Fraction = 0.25
    box_pooler_resolution: Count = 7
    sampling_ratio: Count = 2
    aligned: bool = False
    box_head_num_convs: Annotated[int, Field(ge=0)] = 0
    box_head_norm: Norm = "none"
    box_head_num_fcs: Count = 2
    box_head_conv_channels: Count = 256
    box_head_fc_channels: Count = 1024
    box_loss: BoxLoss = "smooth_l1"
    smooth_l1_beta: Annotated[float, Field(ge=0)] = 1 / 9
    score_thresh: Fraction = 0.05
    nms_thresh: Fraction = 0.5
    detections_per_img: Count = 100

    @field_validator("pool_levels")
    @classmethod
    def _pooled_are_read(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if not value or not set(value) <= set(info.data.get("anchor_levels", value)):
            raise ValueError("must be some of 'anchor_levels'")
        return value

    @field_validator("anchor_sizes")
    @classmethod
    def _one_size_a_level(cls, value: tuple[float, ...], info: ValidationInfo) -> tuple[float, ...]:
        if len(value) != len(info.data.get("anchor_levels", value)):
            raise ValueError("must be one size for each of 'anchor_levels'")
        return value

    @field_validator("rpn_bg_iou_thresh", "box_bg_iou_thresh", check_fields=False)
    @classmethod
    def _background_below_foreground(cls, value: float, info: ValidationInfo) -> float:
        if value > info.data.get(str(info.field_name).replace("bg", "fg"), value):
            raise ValueError("must not be above the overlap of positive boxes")
        return value


class FasterRCNNOptions(TwoStageOptions):
    """Options of Faster R-CNN: these, and those of `TwoStageOptions`.

    Attributes:
        box_fg_iou_thresh: overlap from which a proposal is positive.
        box_bg_iou_thresh: overlap below which a proposal is background.
        bbox_reg_weights: of the four offsets (dx, dy, dw, dh) in the second stage's loss.
    """

    box_fg_iou_thresh: Fraction = 0.5
    box_bg_iou_thresh: Fraction = 0.5
    bbox_reg_weights: tuple[Positive, Positive, Positive, Positive] = (10.0, 10.0, 5.0, 5.0)


class MaskOptions(Options):
    """Options of the mask branch; the defaults are those of He et al. 2017.

    Attributes:
        mask_pooler_resolution: side of the grid that a box is pooled into; masks have twice that.
        mask_head_num_convs, mask_head_channels: layers before the doubling, and their channels.
        mask_head_norm: after each of them: none, batch (torchvision's v2), group, sync or frozen.
        mask_thresh: pixels with at least this value belong to the object.
    """

    mask_pooler_resolution: Count = 14
    mask_head_num_convs: Annotated[int, Field(ge=0)] = 4
    mask_head_channels: Count = 256
    mask_head_norm: Norm = "none"
    mask_thresh: Fraction = 0.5


class MaskRCNNOptions(MaskOptions, FasterRCNNOptions):
    """Options of Mask R-CNN: those of the branch, and those of `FasterRCNNOptions`."""


class KeypointRCNNOptions(FasterRCNNOptions):
    """Options of Keypoint R-CNN: these, and those of `FasterRCNNOptions`.

    Attributes:
        num_keypoints: how many an object has.
        keypoint_sigmas: standard deviation of each keypoint for COCO's OKS, relative to the object's scale; by default
            COCO's where there are 17, and 0.05 for each otherwise.
        keypoint_pooler_resolution: side of the grid that a box is pooled into; the maps have four times that.
        keypoint_head_num_convs, keypoint_head_channels: layers before the maps, and their channels.
    """

    num_keypoints: Count = 17
    keypoint_sigmas: tuple[Positive, ...] | None = None
    keypoint_pooler_resolution: Count = 14
    keypoint_head_num_convs: Annotated[int, Field(ge=0)] = 8
    keypoint_head_channels: Count = 512

    @field_validator("keypoint_sigmas")
    @classmethod
    def _one_sigma_a_keypoint(cls, value: tuple[float, ...] | None, info: ValidationInfo) -> tuple[float, ...] | None:
        if value is not None and len(value) != info.data.get("num_keypoints", len(value)):
            raise ValueError("must be one for each of 'num_keypoints'")
        return value


class CascadeRCNNOptions(TwoStageOptions):
    """Options of Cascade R-CNN: these, and those of `TwoStageOptions`; the defaults are Cai and Vasconcelos's.

    Attributes:
        stage_ious: overlap from which a box is positive, one for each stage.
        stage_bbox_reg_weights: of the four offsets in each stage's loss.
        stage_loss_weights: of each stage's losses.
    """

    stage_ious: Annotated[tuple[Fraction, ...], Field(min_length=1)] = (0.5, 0.6, 0.7)
    stage_bbox_reg_weights: tuple[tuple[Positive, Positive, Positive, Positive], ...] = (
        (10.0, 10.0, 5.0, 5.0),
        (20.0, 20.0, 10.0, 10.0),
        (30.0, 30.0, 15.0, 15.0),
    )
    stage_loss_weights: tuple[Positive, ...] = (1.0, 0.5, 0.25)

    @field_validator("stage_bbox_reg_weights", "stage_loss_weights")
    @classmethod
    def _one_a_stage(cls, value: tuple[object, ...], info: ValidationInfo) -> tuple[object, ...]:
        if len(value) != len(info.data.get("stage_ious", value)):
            raise ValueError("must be one for each of 'stage_ious'")
        return value


class CascadeMaskRCNNOptions(MaskOptions, CascadeRCNNOptions):
    """Options of Cascade Mask R-CNN: those of the branch, and those of `CascadeRCNNOptions`."""
