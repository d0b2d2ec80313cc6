"""Options that one-stage and two-stage detectors share, and choices of both."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import PositiveInt

from hub import Options
from hub.contract import Fraction

AnchorStrides = Literal["image", "level"]
BoxLoss = Literal["smooth_l1", "giou"]
Norm = Literal["none", "batch", "frozen", "group", "sync"]
BBOX_XFORM_CLIP = math.log(1000 / 16)  # a box is at most 62.5 times its reference: exp() must not overflow


class DetectionOptions(Options):
    """Options of every detector.

    Attributes:
        anchor_strides: ``"image"`` like torchvision or ``"level"`` like detectron2; see `AnchorGenerator`.
        anchor_offset: position of the first anchors' center, in strides: 0 like torchvision and detectron2, or 0.5.
        round_anchors: round the sides of anchors to whole pixels like torchvision; detectron2 does not.
        score_thresh: only detections with a higher score are kept.
        nms_thresh: IoU above which the lower-scored of two detections of one class is suppressed.
        detections_per_img: at most this many detections per image are kept.
    """

    anchor_strides: AnchorStrides = "level"
    anchor_offset: Fraction = 0.0
    round_anchors: bool = True
    score_thresh: Fraction = 0.05
    nms_thresh: Fraction = 0.5
    detections_per_img: PositiveInt = 100
