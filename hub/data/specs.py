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

voc_segmentation = DatasetSpec(
    name="voc-segmentation",
    summary="Pascal VOC's SegmentationClass: a class for every pixel",
    target="hub.data.mask_folder:VocSegmentation",
)

yolo = DatasetSpec(
    name="yolo",
    summary="YOLO's text files: boxes and polygons",
    target="hub.data.yolo:Yolo",
)

image_folder = DatasetSpec(
    name="image-folder",
    summary="A folder of images for each class",
    target="hub.data.image_folder:ImageFolder",
)

mask_folder = DatasetSpec(
    name="mask-folder",
    summary="A folder of images and one of masks, paletted or grey PNGs",
    target="hub.data.mask_folder:MaskFolder",
)

csv = DatasetSpec(
    name="csv",
    summary="A table of images and their labels, any number of classes each",
    target="hub.data.csv_labels:CsvLabels",
)

shapes = DatasetSpec(
    name="shapes",
    summary="Generated coloured shapes: boxes, masks, keypoints, maps and tags; nothing to download",
    target="hub.data.shapes:Shapes",
)
