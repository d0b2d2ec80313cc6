"""What the first-party data formats declare; importable without torch."""

from __future__ import annotations

from hub.spec import DatasetSpec

coco = DatasetSpec(
    name="coco",
    summary="COCO's JSON: boxes, masks (polygons, RLE) and keypoints",
    target="hub.data.coco:Coco",
)

voc = DatasetSpec(
    name="voc",
    summary="Pascal VOC's XML: boxes",
    target="hub.data.voc:Voc",
)

shapes = DatasetSpec(
    name="shapes",
    summary="Generated coloured shapes: boxes and masks, nothing to download",
    target="hub.data.shapes:Shapes",
)
