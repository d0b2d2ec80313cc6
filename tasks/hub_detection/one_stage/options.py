"""The options of one-stage heads."""

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


class OneStageOptions(DetectionOptions):
    """Options of every one-stage head: these, and those of `DetectionOptions`.

    Attributes:
        pyramid_levels: levels that the head reads, each with twice the stride of the one before.
        extra_levels: number of coarser levels that the head adds, by convolutions of stride 2.
        extra_from: input of the first of them: by default the last of ``pyramid_levels``, or the raw level of the same
            stride, as ``c5`` in torchvision's v2 models.
        num_convs: 3 × 3 convolutions before the predictors, as many for classes as for boxes.
        tower_norm: after each of them: none, batch, group, sync or frozen.
        prior_prob: probability of every class at the start, so that the loss of the many negatives does not dominate
            (Lin et al. 2017b, section 3.3).
        focal_alpha, focal_gamma: of the focal loss; see `hub_detection.losses.sigmoid_focal_loss`.
        topk_candidates: detections per level that NMS receives.
    """

    pyramid_levels: Annotated[tuple[str, ...], Field(min_length=1)] = ("p3", "p4", "p5")
    extra_levels: NonNegativeInt = 2
    extra_from: str | None = None
    num_convs: NonNegativeInt = 4
    tower_norm: Norm = "none"
    prior_prob: Annotated[float, Field(gt=0, lt=1)] = 0.01
    focal_alpha: Fraction = 0.25
    focal_gamma: NonNegativeFloat = 2.0
    topk_candidates: PositiveInt = 1000

    @field_validator("extra_from")
    @classmethod
    def _needs_extra_levels(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and not info.data.get("extra_levels", 1):
            raise ValueError("has no effect without 'extra_levels'")
        return value


class RetinaNetOptions(OneStageOptions):
    """Options of RetinaNet: these, and those of `OneStageOptions`; the defaults are those of torchvision's v1.

    Attributes:
        anchor_sizes: per level, including the extra ones, the square root of its smallest anchors' areas, in pixels.
        scales_per_octave: anchor sizes per level, geometrically spaced up to twice the smallest and rounded down to
            whole pixels.
        aspect_ratios: height / width of the anchors.
        fg_iou_thresh, bg_iou_thresh: IoU from which an anchor is positive, and below which it is negative.
        box_loss: smooth_l1 of the deltas or giou of the boxes (torchvision's v2).
        smooth_l1_beta: where that loss changes from quadratic to linear; 0 gives the L1 loss.
        bbox_xform_clip: upper limit of the deltas dw and dh; see `hub_detection.box_coder.BoxCoder`.
    """

    anchor_sizes: tuple[PositiveFloat, ...] = (32, 64, 128, 256, 512)
    scales_per_octave: PositiveInt = 3
    aspect_ratios: Annotated[tuple[PositiveFloat, ...], Field(min_length=1)] = (0.5, 1.0, 2.0)
    fg_iou_thresh: Fraction = 0.5
    bg_iou_thresh: Fraction = 0.4
    box_loss: BoxLoss = "smooth_l1"
    smooth_l1_beta: NonNegativeFloat = 0.0
    bbox_xform_clip: PositiveFloat = BBOX_XFORM_CLIP
    detections_per_img: PositiveInt = 300

    @field_validator("anchor_sizes")
    @classmethod
    def _one_size_per_level(cls, value: tuple[float, ...], info: ValidationInfo) -> tuple[float, ...]:
        if {"pyramid_levels", "extra_levels"} <= info.data.keys():
            levels = len(info.data["pyramid_levels"]) + info.data["extra_levels"]
            if len(value) != levels:
                raise ValueError(f"must be one size for each of the {levels} levels, including 'extra_levels'")
        return value

    @field_validator("bg_iou_thresh")
    @classmethod
    def _background_below_foreground(cls, value: float, info: ValidationInfo) -> float:
        if value > info.data.get("fg_iou_thresh", value):
            raise ValueError("must not be above 'fg_iou_thresh'")
        return value


class FCOSOptions(OneStageOptions):
    """Options of FCOS: these, and those of `OneStageOptions`; the defaults are torchvision's.

    Attributes:
        center_sampling_radius: points within this many strides of an object's center are positive.
    """

    tower_norm: Norm = "group"
    center_sampling_radius: PositiveFloat = 1.5
    score_thresh: Fraction = 0.2
    nms_thresh: Fraction = 0.6
