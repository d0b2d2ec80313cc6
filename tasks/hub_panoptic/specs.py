"""Specs of the head and the data format in this package, for its entry points; imports no torch."""

from __future__ import annotations

from hub import DatasetSpec, TaskSpec

panoptic = TaskSpec(
    name="panoptic",
    kind="panoptic segmentation",
    summary="Merges instances and a semantic map of two other heads (Kirillov et al. 2019)",
    target="hub_panoptic.head:Panoptic",
)

coco_panoptic = DatasetSpec(
    name="coco-panoptic",
    summary="COCO's panoptic JSON and PNGs: boxes, masks, a semantic map and panoptic segments",
    target="hub_panoptic.coco_panoptic:CocoPanoptic",
    writer="hub_panoptic.writer:write_coco_panoptic",
)
