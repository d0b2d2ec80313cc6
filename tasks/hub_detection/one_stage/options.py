"""The options of one-stage heads."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from hub import Options
from hub_detection.anchors import AnchorStrides
from hub_detection.layers import Norm
from hub_detection.two_stage.box_head import BoxLoss
from hub_detection.two_stage.options import Count, Fraction, Positive

NotNegative = Annotated[float, Field(ge=0)]


class OneStageOptions(Options):
    """Options of every one-stage head.

    Attributes:
        pyramid_levels: that the head reads, each of twice the stride of the one before.
        extra_levels: coarser ones that it adds itself, by convolutions of stride 2.
        extra_from: what the first of them is computed from: by default the last of ``pyramid_levels``, or the raw
            level of the same stride, ``c5`` in torchvision's second version.
        anchor_strides: ``"image"`` as torchvision or ``"level"`` as detectron2; see `AnchorGenerator`.
        num_convs: layers of 3 × 3 before the predictions, as many for classes as for boxes.
        tower_norm: after each of them: none, batch, group, sync or frozen.
        prior_prob: of every class at the start, so that the many negatives do not drown the few positives
            (Lin et al. 2017b, section 3.3).
        focal_alpha, focal_gamma: of the focal loss; see `focal_loss`.
        topk_candidates: best answers of each level that enter NMS.
        score_thresh: detections need more than this score.
        nms_thresh: overlap above which only the better of two detections of one class stays.
        detections_per_img: of each image.
    """

    pyramid_levels: Annotated[tuple[str, ...], Field(min_length=1)] = ("p3", "p4", "p5")
    extra_levels: Annotated[int, Field(ge=0)] = 2
    extra_from: str | None = None
    anchor_strides: AnchorStrides = "level"
    num_convs: Annotated[int, Field(ge=0)] = 4
    tower_norm: Norm = "none"
    prior_prob: Annotated[float, Field(gt=0, lt=1)] = 0.01
    focal_alpha: Fraction = 0.25
    focal_gamma: NotNegative = 2.0
    topk_candidates: Count = 1000
    score_thresh: Fraction = 0.05
    nms_thresh: Fraction = 0.5
    detections_per_img: Count = 100

    @field_validator("extra_from")
    @classmethod
    def _extra_levels_start_there(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and not info.data.get("extra_levels", 1):
            raise ValueError("there are no 'extra_levels' to compute from it")
        return value


class RetinaNetOptions(OneStageOptions):
    """Options of RetinaNet: these, and those of `OneStageOptions`; the defaults are torchvision's first version.

    Attributes:
        anchor_sizes: for each level, the extra ones too, the square root of its smallest anchors' areas, in pixels.
        scales_per_octave: sizes of each level, evenly spaced up to twice that and rounded down to whole pixels.
        aspect_ratios: height / width of the anchors.
        fg_iou_thresh, bg_iou_thresh: overlap from which an anchor is positive, and below which it is negative.
        box_loss: smooth_l1 of the offsets or giou of the boxes (torchvision's v2).
        smooth_l1_beta: where that loss turns from square to linear; 0 is plain L1.
    """

    anchor_sizes: tuple[Positive, ...] = (32, 64, 128, 256, 512)
    scales_per_octave: Count = 3
    aspect_ratios: Annotated[tuple[Positive, ...], Field(min_length=1)] = (0.5, 1.0, 2.0)
    fg_iou_thresh: Fraction = 0.5
    bg_iou_thresh: Fraction = 0.4
    box_loss: BoxLoss = "smooth_l1"
    smooth_l1_beta: NotNegative = 0.0
    detections_per_img: Count = 300

    @field_validator("anchor_sizes")
    @classmethod
    def _one_size_a_level(cls, value: tuple[float, ...], info: ValidationInfo) -> tuple[float, ...]:
        if {"pyramid_levels", "extra_levels"} <= info.data.keys():
            levels = len(info.data["pyramid_levels"]) + info.data["extra_levels"]
            if len(value) != levels:
                raise ValueError(f"must be one size for each of the {levels} levels, those of 'extra_levels' too")
        return value

    @field_validator("bg_iou_thresh")
    @classmethod
    def _background_below_foreground(cls, value: float, info: ValidationInfo) -> float:
        if value > info.data.get("fg_iou_thresh", value):
            raise ValueError("must not be above 'fg_iou_thresh', the overlap of positive anchors")
        return value


class FCOSOptions(OneStageOptions):
    """Options of FCOS: these, and those of `OneStageOptions`; the defaults are torchvision's.

    Attributes:
        center_sampling_radius: points within so many strides of an object's centre learn it ("center sampling").
    """

    tower_norm: Norm = "group"
    center_sampling_radius: Positive = 1.5
    score_thresh: Fraction = 0.2
    nms_thresh: Fraction = 0.6
