"""What this package announces as entry points; imports no torch."""

from __future__ import annotations

from hub import DatasetSpec, TaskSpec

panoptic = TaskSpec(
    name="panoptic",
    kind="panoptic segmentation",
    summary="Things and stuff of the heads before it, merged into one map (Kirillov et al. 2019)",
    target="hub_panoptic.head:Panoptic",
)

coco_panoptic = DatasetSpec(
    name="coco-panoptic",
    summary="COCO's panoptic JSON and PNGs: boxes, masks, a semantic map and panoptic segments",
    target="hub_panoptic.coco_panoptic:CocoPanoptic",
    writer="hub_panoptic.writer:write_coco_panoptic",
)
