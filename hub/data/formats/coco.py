"""COCO's format (Lin et al. 2014, https://cocodataset.org/#format-data): one JSON file and a folder of images."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import Field

from hub.contract.packed import PackedInstances
from hub.data.annotations.packing import pack_instances
from hub.data.formats.coco_fields import CocoField, read_field
from hub.data.formats.coco_file import CocoAnnotation, CocoCategory, CocoFile, CocoImage, read_coco
from hub.data.formats.coco_segments import checked_segments
from hub.data.formats.instances import InstanceDataset, InstanceOptions, portable_files
from hub.errors import AnnotationError, UnknownCategoryError
from hub.image_size import image_size
from hub.labels import LabelSpace

logger = logging.getLogger("hub")


class CocoOptions(InstanceOptions):
    """Options of `Coco`.

    Attributes:
        images: folder of the images, relative to ``root``.
        annotations: JSON file of the instances, relative to ``root``.
        fields: further keys of the annotations to read, by field name, such as ``{angle: {kind: angle}, track_id:
            {kind: id}}``; see `CocoField`.
    """

    images: str
    annotations: str
    fields: dict[str, CocoField] = Field(default_factory=dict)


class Coco(InstanceDataset):
    """Boxes, crowds, masks and keypoints of a COCO file.

    Images are in the order of the file; categories are sorted by id and keep their ids. A missing ``area`` is the area
    of the box, a missing ``iscrowd`` is 0, and missing image sizes are read from the image files.

    Raises:
        AnnotationError: the file is missing, not JSON, not COCO's, or refers to an image that it does not list.
        UnknownCategoryError: an annotation has a category that the file does not list.
        BadBoxesError, ImageError: see `InstanceDataset`.

    >>> options = Coco.Options(
    ...     root="/data/coco", images="val2017", annotations="annotations/instances_val2017.json"
    ... )
    >>> dataset = Coco(options)                             # doctest: +SKIP
    >>> dataset.load(0, frozenset({"boxes"})).instances     # doctest: +SKIP
    """

    Options: ClassVar[type[CocoOptions]] = CocoOptions

    def __init__(self, options: CocoOptions) -> None:
        root = Path(options.root).expanduser()
        path = root / options.annotations
        file = read_coco(path, extra_keys=bool(options.fields))
        categories = _categories(path, file)
        _unique(path, "category id", (category["id"] for category in categories))
        _unique(path, "category name", (category["name"] for category in categories))
        _unique(path, "image id", (image["id"] for image in file.images))
        _unique(path, "annotation id", (i for a in file.annotations if (i := a.get("id")) is not None))
        folder = root / options.images
        files = portable_files(folder, [image["file_name"] for image in file.images])
        sizes = np.array(
            [_size(image, folder / name) for image, name in zip(file.images, files, strict=True)], np.int64
        ).reshape(-1, 2)
        super().__init__(
            options,
            name=str(path),
            folder=folder,
            files=files,
            ids=[image["id"] for image in file.images],
            sizes=sizes,
            instances=_pack(path, file, categories, sizes, options.fields),
            labels=LabelSpace(tuple(c["name"] for c in categories), tuple(c["id"] for c in categories)),
        )


def _pack(
    path: Path,
    file: CocoFile,
    categories: list[CocoCategory],
    sizes: np.ndarray,
    fields: Mapping[str, CocoField],
) -> PackedInstances:
    annotations = file.annotations
    boxes = np.array([a["bbox"] for a in annotations], np.float64).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    sides = (boxes[:, 2:] - boxes[:, :2]).clip(min=0)
    keypoints, names = _keypoints(path, annotations, categories)
    positions = _positions(path, annotations, {image["id"]: i for i, image in enumerate(file.images)})
    segments = checked_segments(path, file, positions, sizes)
    return pack_instances(
        positions,
        len(file.images),
        ids=_ids(annotations),
        boxes=boxes,
        labels=_labels(path, annotations, {category["id"]: i for i, category in enumerate(categories)}),
        crowd=np.array([bool(a.get("iscrowd")) for a in annotations], bool),
        area=_areas(path, annotations, sides.prod(1)),
        segments=segments if any(segments) else None,
        keypoints=keypoints,
        keypoint_names=names,
        fields={name: read_field(path, name, option, annotations) for name, option in fields.items()},
    )


def _ids(annotations: list[CocoAnnotation]) -> np.ndarray:
    """Return the ids of the annotations, or numbers from 1 if some are missing or not 64-bit integers."""
    given = [annotation.get("id") for annotation in annotations]
    if all(isinstance(i, int) and -(1 << 63) <= i < 1 << 63 for i in given):
        return np.array(given, np.int64)
    return np.arange(1, len(given) + 1)


def _areas(path: Path, annotations: list[CocoAnnotation], of_boxes: np.ndarray) -> np.ndarray:
    """Return the absolute annotated areas, or those of the boxes if missing; clockwise polygons may be negative."""
    area = np.array([a.get("area") for a in annotations], np.float64)  # None becomes NaN
    area = np.where(np.isfinite(area), area, of_boxes)
    negative = area < 0
    if negative.any():
        first = annotations[int(np.argmax(negative))]
        logger.warning(
            "%s: %d annotations have a negative area, as tools write for clockwise polygons; its absolute value is "
            "used. The first is annotation %s of image %r",
            path, int(negative.sum()), first.get("id"), first["image_id"],
        )  # fmt: skip
    return np.abs(area)


def _categories(path: Path, file: CocoFile) -> list[CocoCategory]:
    """Return the categories in the order of their ids, without the root row of Roboflow's exports.

    That row has the id 0, the supercategory "none" and no annotation; it groups the classes and is not a class itself.
    """
    categories = sorted(file.categories, key=lambda category: category["id"])
    root = categories[0]
    used = {annotation["category_id"] for annotation in file.annotations}
    if root["id"] == 0 and root.get("supercategory") == "none" and 0 not in used and len(categories) > 1:
        logger.info("%s: left out %r, the root category of Roboflow's export", path, root["name"])
        return categories[1:]
    return categories


def _size(image: CocoImage, path: Path) -> tuple[int, int]:
    height, width = image.get("height"), image.get("width")
    return (height, width) if height and width else image_size(path)


def _positions(path: Path, annotations: list[CocoAnnotation], known: dict[int | str, int]) -> np.ndarray:
    found = np.fromiter((known.get(a["image_id"], -1) for a in annotations), np.int64, len(annotations))
    if (found < 0).any():
        first = annotations[int(np.argmin(found))]
        raise AnnotationError(
            f"{path}: annotation {first.get('id')} has image id {first['image_id']!r}, which 'images' does not list",
            fix="list that image, or remove its annotations",
        )
    return found


def _labels(path: Path, annotations: list[CocoAnnotation], known: dict[int, int]) -> np.ndarray:
    found = np.fromiter((known.get(a["category_id"], -1) for a in annotations), np.int64, len(annotations))
    if (found < 0).any():
        first = annotations[int(np.argmin(found))]
        raise UnknownCategoryError(
            f"{path}: annotation {first.get('id')} of image {first['image_id']!r} has the category id "
            f"{first['category_id']}, which 'categories' does not list",
            fix="list that category, or remove its annotations",
        )
    return found


def _keypoints(
    path: Path, annotations: list[CocoAnnotation], categories: list[CocoCategory]
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Return (A, K, 3) float32, 0 ("not labeled") for objects without keypoints, and the K names."""
    if not any(a.get("keypoints") for a in annotations):
        return None, ()
    skeletons = {tuple(category["keypoints"]) for category in categories if category.get("keypoints")}
    if len(skeletons) != 1:
        logger.warning(
            "%s: keypoints are ignored, because its categories have %d different lists of keypoints",
            path, len(skeletons),
        )  # fmt: skip
        return None, ()
    (names,) = skeletons
    out = np.zeros((len(annotations), 3 * len(names)), np.float32)
    for row, annotation in zip(out, annotations, strict=True):
        if points := annotation.get("keypoints"):
            if len(points) != len(row):
                raise AnnotationError(
                    f"{path}: annotation {annotation.get('id')} has {len(points)} numbers as keypoints, not {len(row)}",
                    fix=f"give x, y and visibility of each of the {len(names)} keypoints",
                )
            row[:] = points
    return out.reshape(-1, len(names), 3), names


def _unique(path: Path, what: str, values: Iterable[int | str]) -> None:
    repeated = [value for value, n in Counter(values).items() if n > 1]
    if repeated:
        raise AnnotationError(
            f"{path}: {len(repeated)} {what}s occur more than once; the first: {repeated[0]!r}",
            fix=f"make each {what} unique",
        )
