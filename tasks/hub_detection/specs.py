"""What this package announces as entry points; imports no torch."""

from __future__ import annotations

from hub import TaskSpec

faster_rcnn = TaskSpec(
    name="faster-rcnn",
    kind="detection",
    summary="Faster R-CNN: boxes in two stages, on a feature pyramid (Ren et al. 2015, Lin et al. 2017)",
    target="hub_detection.faster_rcnn:FasterRCNN",
)
