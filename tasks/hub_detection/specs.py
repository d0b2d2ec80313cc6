"""What this package announces as entry points; imports no torch."""

from __future__ import annotations

from hub import TaskSpec

faster_rcnn = TaskSpec(
    name="faster-rcnn",
    kind="detection",
    summary="Faster R-CNN: boxes in two stages, on a feature pyramid (Ren et al. 2015, Lin et al. 2017)",
    target="hub_detection.two_stage.faster_rcnn:FasterRCNN",
)

mask_rcnn = TaskSpec(
    name="mask-rcnn",
    kind="instance segmentation",
    summary="Mask R-CNN: Faster R-CNN with a mask for every object (He et al. 2017)",
    target="hub_detection.two_stage.mask_rcnn:MaskRCNN",
)

keypoint_rcnn = TaskSpec(
    name="keypoint-rcnn",
    kind="keypoints",
    summary="Keypoint R-CNN: Faster R-CNN with keypoints for every object (He et al. 2017)",
    target="hub_detection.two_stage.keypoint_rcnn:KeypointRCNN",
)

cascade_rcnn = TaskSpec(
    name="cascade-rcnn",
    kind="detection",
    summary="Cascade R-CNN: box heads that refine each other's boxes (Cai and Vasconcelos 2018)",
    target="hub_detection.two_stage.cascade_rcnn:CascadeRCNN",
)

cascade_mask_rcnn = TaskSpec(
    name="cascade-mask-rcnn",
    kind="instance segmentation",
    summary="Cascade Mask R-CNN: Cascade R-CNN with a mask for every object (Cai and Vasconcelos 2018)",
    target="hub_detection.two_stage.cascade_rcnn:CascadeMaskRCNN",
)

retinanet = TaskSpec(
    name="retinanet",
    kind="detection",
    summary="RetinaNet: boxes in one stage, from anchors, with the focal loss (Lin et al. 2017)",
    target="hub_detection.one_stage.retinanet:RetinaNet",
)

fcos = TaskSpec(
    name="fcos",
    kind="detection",
    summary="FCOS: boxes in one stage, without anchors (Tian et al. 2019)",
    target="hub_detection.one_stage.fcos:FCOS",
)
