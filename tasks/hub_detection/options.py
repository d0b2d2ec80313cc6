"""Options that one-stage and two-stage detectors share, and the constrained types of their fields."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hub import Options
from hub.contract import Fraction

Count = Annotated[int, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
NonNegativeInt = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
AnchorStrides = Literal["image", "level"]
BoxLoss = Literal["smooth_l1", "giou"]


class DetectionOptions(Options):
    """Options of every detector.

    Attributes:
        anchor_strides: ``"image"`` as torchvision or ``"level"`` as detectron2; see `AnchorGenerator`.
        score_thresh: only detections with a higher score are kept.
        nms_thresh: IoU above which the lower-scored of two detections of one class is suppressed.
        detections_per_img: at most this many detections per image are kept.
    """

    anchor_strides: AnchorStrides = "level"
    score_thresh: Fraction = 0.05
    nms_thresh: Fraction = 0.5
    detections_per_img: Count = 100
