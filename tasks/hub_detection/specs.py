"""Specs of the heads in this package, for its entry points; imports no torch."""

from __future__ import annotations

from hub import TaskSpec

faster_rcnn = TaskSpec(
    name="faster-rcnn",
    kind="detection",
    summary="Faster R-CNN: two-stage detection on a feature pyramid (Ren et al. 2015, Lin et al. 2017)",
    target="hub_detection.two_stage.faster_rcnn:FasterRCNN",
    options="hub_detection.two_stage.options:FasterRCNNOptions",
)

mask_rcnn = TaskSpec(
    name="mask-rcnn",
    kind="instance segmentation",
    summary="Mask R-CNN: Faster R-CNN with a mask per object (He et al. 2017)",
    target="hub_detection.two_stage.mask_rcnn:MaskRCNN",
    options="hub_detection.two_stage.options:MaskRCNNOptions",
)

keypoint_rcnn = TaskSpec(
    name="keypoint-rcnn",
    kind="keypoints",
    summary="Keypoint R-CNN: Faster R-CNN with keypoints per object (He et al. 2017)",
    target="hub_detection.two_stage.keypoint_rcnn:KeypointRCNN",
    options="hub_detection.two_stage.options:KeypointRCNNOptions",
)

cascade_rcnn = TaskSpec(
    name="cascade-rcnn",
    kind="detection",
    summary="Cascade R-CNN: box heads in sequence, each refining the previous one's boxes (Cai and Vasconcelos 2018)",
    target="hub_detection.two_stage.cascade_rcnn:CascadeRCNN",
    options="hub_detection.two_stage.options:CascadeRCNNOptions",
)

cascade_mask_rcnn = TaskSpec(
    name="cascade-mask-rcnn",
    kind="instance segmentation",
    summary="Cascade Mask R-CNN: Cascade R-CNN with a mask per object (Cai and Vasconcelos 2018)",
    target="hub_detection.two_stage.cascade_rcnn:CascadeMaskRCNN",
    options="hub_detection.two_stage.options:CascadeMaskRCNNOptions",
)

retinanet = TaskSpec(
    name="retinanet",
    kind="detection",
    summary="RetinaNet: one-stage detection with anchors and the focal loss (Lin et al. 2017)",
    target="hub_detection.one_stage.retinanet:RetinaNet",
    options="hub_detection.one_stage.options:RetinaNetOptions",
)

fcos = TaskSpec(
    name="fcos",
    kind="detection",
    summary="FCOS: one-stage detection without anchors (Tian et al. 2019)",
    target="hub_detection.one_stage.fcos:FCOS",
    options="hub_detection.one_stage.options:FCOSOptions",
)
