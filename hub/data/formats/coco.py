"""COCO's format (Lin et al. 2014, https://cocodataset.org/#format-data): one JSON file and a folder of images."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import Field

from hub.contract.packed import PackedInstances
from hub.data.annotations.packing import pack_instances
from hub.data.formats.coco_fields import CocoField, read_field
from hub.data.formats.coco_file import CocoAnnotation, CocoCategory, CocoFile, read_coco
from hub.data.formats.instances import InstanceDataset, InstanceOptions
from hub.errors import AnnotationError, UnknownCategoryError
from hub.labels import LabelSpace

logger = logging.getLogger("hub")

_SIZE = re.compile(rb'"size":\[(\d+),(\d+)\]')


class CocoOptions(InstanceOptions):
    """Options of `Coco`.

    Attributes:
        images: folder of the images, relative to ``root``.
        annotations: JSON file of the instances, relative to ``root``.
        fields: further keys of the annotations to read, by the name that heads know them by, such as
            ``{angle: {kind: angle}, track_id: {kind: id}}``; see `CocoField`.
    """

    images: str
    annotations: str
    fields: dict[str, CocoField] = Field(default_factory=dict)


class Coco(InstanceDataset):
    """Boxes, crowds, masks and keypoints of a COCO file.

    Images stay in the file's order, categories are sorted by id and keep their ids. Where ``area`` is missing the box's
    area stands in, a missing ``iscrowd`` is 0.

    Raises:
        AnnotationError: the file is missing, not JSON or not COCO's, or refers to an image that it does not list.
        UnknownCategoryError: an annotation of a category that the file does not list.
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
        categories = sorted(file.categories, key=lambda category: category["id"])
        _unique(path, "category id", (category["id"] for category in categories))
        _unique(path, "category name", (category["name"] for category in categories))
        _unique(path, "image id", (image["id"] for image in file.images))
        _unique(path, "annotation id", (annotation["id"] for annotation in file.annotations))
        super().__init__(
            options,
            name=str(path),
            folder=root / options.images,
            files=[image["file_name"] for image in file.images],
            ids=[image["id"] for image in file.images],
            sizes=np.array([(image["height"], image["width"]) for image in file.images], np.int64).reshape(-1, 2),
            instances=_pack(path, file, categories, options.fields),
            labels=LabelSpace(tuple(c["name"] for c in categories), tuple(c["id"] for c in categories)),
        )


def _pack(
    path: Path, file: CocoFile, categories: list[CocoCategory], fields: Mapping[str, CocoField]
) -> PackedInstances:
    annotations = file.annotations
    boxes = np.array([a["bbox"] for a in annotations], np.float64).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    area = np.array([a.get("area") for a in annotations], np.float64)  # None becomes NaN
    sides = (boxes[:, 2:] - boxes[:, :2]).clip(min=0)
    keypoints, names = _keypoints(path, annotations, categories)
    segments = [file.segments[a["segmentation"]] if "segmentation" in a else b"" for a in annotations]
    _check_polygons(path, annotations, segments)
    positions = _positions(path, annotations, {image["id"]: i for i, image in enumerate(file.images)})
    _check_sizes(path, file, segments, positions)
    return pack_instances(
        positions,
        len(file.images),
        ids=np.array([a["id"] for a in annotations], np.int64),
        boxes=boxes,
        labels=_labels(path, annotations, {category["id"]: i for i, category in enumerate(categories)}),
        crowd=np.array([bool(a.get("iscrowd")) for a in annotations], bool),
        area=np.where(np.isnan(area), sides.prod(1), area),
        segments=segments if any(segments) else None,
        keypoints=keypoints,
        keypoint_names=names,
        fields={name: read_field(path, name, option, annotations) for name, option in fields.items()},
    )


def _check_polygons(path: Path, annotations: list[CocoAnnotation], segments: list[bytes]) -> None:
    """Refuse polygons of fewer than three points, by their commas: parsing a large file's would take a minute."""
    for annotation, segment in zip(annotations, segments, strict=True):
        if segment[:1] != b"[":
            continue
        for polygon in segment.split(b"]"):
            numbers = polygon.count(b",", polygon.rfind(b"[") + 1) + 1
            if b"[" in polygon and (numbers < 6 or numbers % 2) and polygon.strip(b"[, \n"):
                raise AnnotationError(
                    f"{path}: annotation {annotation['id']} of image {annotation['image_id']!r} has a polygon of "
                    f"{numbers} numbers; three points are 6",
                    fix="mend the polygon, or remove it",
                )


def _check_sizes(path: Path, file: CocoFile, segments: list[bytes], positions: np.ndarray) -> None:
    """Refuse RLEs of another size than their image's, by their text alone."""
    for annotation, segment, position in zip(file.annotations, segments, positions.tolist(), strict=True):
        told = _SIZE.search(segment) if segment[:1] == b"{" else None
        image = file.images[position]
        if told and (int(told[1]), int(told[2])) != (image["height"], image["width"]):
            raise AnnotationError(
                f"{path}: the mask of annotation {annotation['id']} has {int(told[1])}×{int(told[2])} pixels, "
                f"but image {image['id']!r} {image['height']}×{image['width']} (height × width)",
                fix="mend the size of the image or of the mask, or remove the segmentation",
            )


def _positions(path: Path, annotations: list[CocoAnnotation], known: dict[int | str, int]) -> np.ndarray:
    found = np.fromiter((known.get(a["image_id"], -1) for a in annotations), np.int64, len(annotations))
    if (found < 0).any():
        first = annotations[int(np.argmin(found))]
        raise AnnotationError(
            f"{path}: annotation {first['id']} is of image {first['image_id']!r}, which 'images' does not list",
            fix="list that image, or remove its annotations",
        )
    return found


def _labels(path: Path, annotations: list[CocoAnnotation], known: dict[int, int]) -> np.ndarray:
    found = np.fromiter((known.get(a["category_id"], -1) for a in annotations), np.int64, len(annotations))
    if (found < 0).any():
        first = annotations[int(np.argmin(found))]
        raise UnknownCategoryError(
            f"{path}: annotation {first['id']} of image {first['image_id']!r} has the category id "
            f"{first['category_id']}, which 'categories' does not list",
            fix="list that category, or remove its annotations",
        )
    return found


def _keypoints(
    path: Path, annotations: list[CocoAnnotation], categories: list[CocoCategory]
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """(A, K, 3) float32, all 0 ("not labelled") for objects without any, and the K names."""
    if not any(a.get("keypoints") for a in annotations):
        return None, ()
    skeletons = {tuple(category["keypoints"]) for category in categories if category.get("keypoints")}
    if len(skeletons) != 1:
        logger.warning(
            "%s gives no keypoints: its categories name %d different lists of them, and one is needed",
            path, len(skeletons),
        )  # fmt: skip
        return None, ()
    (names,) = skeletons
    out = np.zeros((len(annotations), 3 * len(names)), np.float32)
    for row, annotation in zip(out, annotations, strict=True):
        if points := annotation.get("keypoints"):
            if len(points) != len(row):
                raise AnnotationError(
                    f"{path}: annotation {annotation['id']} has {len(points)} numbers as keypoints, not {len(row)}",
                    fix=f"give x, y and visibility of each of the {len(names)} keypoints",
                )
            row[:] = points
    return out.reshape(-1, len(names), 3), names


def _unique(path: Path, what: str, values: Iterable[int | str]) -> None:
    twice = [value for value, n in Counter(values).items() if n > 1]
    if twice:
        raise AnnotationError(
            f"{path}: {len(twice)} {what}s occur more than once; the first: {twice[0]!r}",
            fix=f"make each {what} unique",
        )
