"""The options of two-stage heads."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from hub import Options
from hub_detection.anchors import AnchorStrides

Count = Annotated[int, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]


class FasterRCNNOptions(Options):
    """Options of Faster R-CNN; the defaults are torchvision's, which are those of Lin et al. 2017.

    Attributes:
        anchor_levels: that anchors live on.
        pool_levels: of those the ones that boxes are pooled from, each of twice the stride of the one before.
        anchor_sizes: for each level the square root of its anchors' areas, in pixels.
        anchor_ratios: height / width of the anchors.
        anchor_strides: ``"image"`` as torchvision or ``"level"`` as detectron2; see `AnchorGenerator`.
        rpn_candidates_train, rpn_candidates_test: anchors of each level that enter NMS ("pre NMS top n").
        rpn_proposals_train, rpn_proposals_test: boxes of each image that come out of it ("post NMS top n").
        rpn_nms_threshold: overlap above which only the better of two proposals stays.
        rpn_fg_iou, rpn_bg_iou: overlap from which an anchor is positive, and below which it is negative.
        rpn_samples: anchors of each image in the loss.
        rpn_positive_fraction: the most of them that may be positive.
        roi_fg_iou, roi_bg_iou: the same for proposals in the second stage.
        roi_samples: proposals of each image that it learns from.
        roi_positive_fraction: the most of them that may be positive.
        pooled_size: side of the grid that a box is pooled into.
        sampling_ratio: samples along each side of a bin.
        aligned: pool with half a pixel's shift, as detectron2.
        box_head_width: of the hidden layers of the second stage.
        box_weights: of the four offsets (dx, dy, dw, dh) in its loss.
        smooth_l1_beta: where both box losses turn from square to linear.
        score_threshold: detections need more than this score.
        nms_threshold: overlap above which only the better of two detections of one class stays.
        max_detections: of each image.
    """

    anchor_levels: tuple[str, ...] = ("p2", "p3", "p4", "p5", "p6")
    pool_levels: tuple[str, ...] = ("p2", "p3", "p4", "p5")
    anchor_sizes: tuple[Positive, ...] = (32, 64, 128, 256, 512)
    anchor_ratios: tuple[Positive, ...] = (0.5, 1.0, 2.0)
    anchor_strides: AnchorStrides = "level"
    rpn_candidates_train: Count = 2000
    rpn_candidates_test: Count = 1000
    rpn_proposals_train: Count = 2000
    rpn_proposals_test: Count = 1000
    rpn_nms_threshold: Fraction = 0.7
    rpn_fg_iou: Fraction = 0.7
    rpn_bg_iou: Fraction = 0.3
    rpn_samples: Count = 256
    rpn_positive_fraction: Fraction = 0.5
    roi_fg_iou: Fraction = 0.5
    roi_bg_iou: Fraction = 0.5
    roi_samples: Count = 512
    roi_positive_fraction: Fraction = 0.25
    pooled_size: Count = 7
    sampling_ratio: Count = 2
    aligned: bool = False
    box_head_width: Count = 1024
    box_weights: tuple[Positive, Positive, Positive, Positive] = (10.0, 10.0, 5.0, 5.0)
    smooth_l1_beta: Annotated[float, Field(ge=0)] = 1 / 9
    score_threshold: Fraction = 0.05
    nms_threshold: Fraction = 0.5
    max_detections: Count = 100

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

    @field_validator("rpn_bg_iou", "roi_bg_iou")
    @classmethod
    def _background_below_foreground(cls, value: float, info: ValidationInfo) -> float:
        if value > info.data.get(str(info.field_name).replace("bg", "fg"), value):
            raise ValueError("must not be above the overlap of positive boxes")
        return value
