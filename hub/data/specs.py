"""What the first-party data formats declare; importable without torch."""

from __future__ import annotations

from hub.spec import DatasetSpec

coco = DatasetSpec(
    name="coco",
    summary="COCO's JSON: boxes, masks (polygons, RLE) and keypoints",
    target="hub.data.formats.coco:Coco",
    writer="hub.data.writers.coco:write_coco",
    detect="hub.data.formats.coco_detect:detect_coco",
)

voc = DatasetSpec(
    name="voc",
    summary="Pascal VOC's XML: boxes",
    target="hub.data.formats.voc:Voc",
    writer="hub.data.writers.voc:write_voc",
    detect="hub.data.formats.voc:detect_voc",
)

voc_segmentation = DatasetSpec(
    name="voc-segmentation",
    summary="Pascal VOC's SegmentationClass: a class for every pixel",
    target="hub.data.formats.mask_folder:VocSegmentation",
    writer="hub.data.writers.maps:write_voc_segmentation",
)

yolo = DatasetSpec(
    name="yolo",
    summary="YOLO's text files: boxes, polygons and keypoints",
    target="hub.data.formats.yolo:Yolo",
    writer="hub.data.writers.yolo:write_yolo",
    detect="hub.data.formats.yolo:detect_yolo",
)

image_folder = DatasetSpec(
    name="image-folder",
    summary="A folder of images for each class",
    target="hub.data.formats.image_folder:ImageFolder",
    writer="hub.data.writers.tags:write_image_folder",
)

mask_folder = DatasetSpec(
    name="mask-folder",
    summary="A folder of images and one of masks, paletted or grey PNGs",
    target="hub.data.formats.mask_folder:MaskFolder",
    writer="hub.data.writers.maps:write_mask_folder",
    detect="hub.data.formats.mask_folder:detect_mask_folder",
)

csv = DatasetSpec(
    name="csv",
    summary="A table of images and their labels, any number of classes each",
    target="hub.data.formats.csv_labels:CsvLabels",
    writer="hub.data.writers.tags:write_csv",
)

shapes = DatasetSpec(
    name="shapes",
    summary="Generated coloured shapes: boxes, masks, keypoints, maps and tags; nothing to download",
    target="hub.data.formats.shapes:Shapes",
)

labelme = DatasetSpec(
    name="labelme",
    summary="LabelMe's JSON files: polygons, rectangles, circles, masks",
    target="hub.data.formats.labelme:LabelMe",
    detect="hub.data.formats.labelme:detect_labelme",
)

cvat = DatasetSpec(
    name="cvat",
    summary="CVAT's XML (CVAT for images): boxes, polygons, ellipses, masks",
    target="hub.data.formats.cvat:Cvat",
    detect="hub.data.formats.cvat:detect_cvat",
)

label_studio = DatasetSpec(
    name="label-studio",
    summary="Label Studio's JSON: rectangles, polygons, ellipses",
    target="hub.data.formats.label_studio:LabelStudio",
    detect="hub.data.formats.label_studio:detect_label_studio",
)

open_images = DatasetSpec(
    name="open-images",
    summary="Open Images' tables: boxes",
    target="hub.data.formats.open_images:OpenImages",
    detect="hub.data.formats.open_images:detect_open_images",
)

supervisely = DatasetSpec(
    name="supervisely",
    summary="Supervisely projects: rectangles, polygons, bitmaps",
    target="hub.data.formats.supervisely:Supervisely",
    detect="hub.data.formats.supervisely:detect_supervisely",
)
