"""Base of the formats of labeling tools: a dataset built from a list of annotated images."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hub.data.annotations.packing import pack_instances
from hub.data.formats.instances import InstanceDataset, InstanceOptions
from hub.errors import AnnotationError, UnknownCategoryError, did_you_mean
from hub.image_size import image_size
from hub.labels import LabelSpace

log = logging.getLogger("hub")

Rle = dict[str, object]


class AnnotatedObject(NamedTuple):
    """One object of an annotation file.

    Attributes:
        label: name of its class.
        box: x1 y1 x2 y2 in pixels.
        segment: polygons ``[[x0, y0, x1, y1, …], …]`` in pixels, or an RLE in COCO's format; None for a box alone.
        keypoints: (K, 3) x y in pixels and COCO's visibility, or None.
        crowd: whether it is a region of many objects.
    """

    label: str
    box: tuple[float, float, float, float]
    segment: list[list[float]] | Rle | None = None
    keypoints: np.ndarray | None = None
    crowd: bool = False

    @classmethod
    def polygon(cls, label: str, polygons: list[list[float]]) -> AnnotatedObject:
        """Return an object with the bounding box of its polygons.

        >>> AnnotatedObject.polygon("cat", [[0, 0, 4, 0, 4, 2]]).box
        (0.0, 0.0, 4.0, 2.0)
        """
        points = np.concatenate([np.asarray(one, np.float64).reshape(-1, 2) for one in polygons])
        (x1, y1), (x2, y2) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
        return cls(label, (x1, y1, x2, y2), polygons)

    @classmethod
    def mask(cls, label: str, mask: np.ndarray) -> AnnotatedObject:
        """Return an object with the bounding box of its mask, (H, W) at the size of the image."""
        from pycocotools import mask as coco_mask

        rle = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
        x, y, width, height = coco_mask.toBbox(rle).tolist()
        segment: Rle = {"size": list(rle["size"]), "counts": rle["counts"].decode("ascii")}
        return cls(label, (x, y, x + width, y + height), segment)


@dataclass
class AnnotatedImage:
    """One image with its objects.

    Attributes:
        file: path relative to the folder of the images.
        size: (height, width) in pixels; if None, it is read from the image file.
        objects: objects in the order of the file.
    """

    file: str
    size: tuple[int, int] | None = None
    objects: list[AnnotatedObject] = field(default_factory=list)


class ObjectDataset(InstanceDataset):
    """Images with boxes, polygons, masks or keypoints, built from a list.

    The id of an image is its file.

    Args:
        options: options of the format.
        name: name for messages.
        folder: folder of the images.
        images: all images, including those without objects.
        labels: the class names in order; by default those of the objects, sorted.
        keypoint_names: names of the K keypoints, if objects have keypoints.

    Raises:
        UnknownCategoryError: the label of an object is not among ``labels``.
        AnnotationError, BadBoxesError, ImageError: see `InstanceDataset`.
    """

    def __init__(
        self,
        options: InstanceOptions,
        *,
        name: str,
        folder: Path,
        images: Sequence[AnnotatedImage],
        labels: Sequence[str] | None = None,
        keypoint_names: tuple[str, ...] = (),
    ) -> None:
        objects = [one for image in images for one in image.objects]
        space = _labels(objects, labels, name)
        index = {label: i for i, label in enumerate(space.names)}
        for image in images:
            for one in image.objects:
                if one.label not in index:
                    raise UnknownCategoryError(
                        f"{name}: {image.file} has an object of the class {one.label!r}, which is not among the "
                        f"labels.{did_you_mean(one.label, index)}",
                        fix="add it to the labels of the dataset, or correct the annotation",
                    )
        masks = any(one.segment is not None for one in objects)
        points = any(one.keypoints is not None for one in objects)
        count = max((len(one.keypoints) for one in objects if one.keypoints is not None), default=0)
        sizes = [image.size or image_size(folder / image.file) for image in images]
        super().__init__(
            options,
            name=name,
            folder=folder,
            files=[image.file for image in images],
            ids=[image.file for image in images],
            sizes=np.array(sizes, np.int64).reshape(-1, 2),
            instances=pack_instances(
                np.repeat(np.arange(len(images)), [len(image.objects) for image in images]),
                len(images),
                ids=np.arange(1, len(objects) + 1),
                boxes=np.array([one.box for one in objects], np.float64).reshape(-1, 4),
                labels=np.array([index[one.label] for one in objects], np.int64),
                crowd=np.array([one.crowd for one in objects], bool),
                area=np.array([_area(one) for one in objects], np.float64) if masks else None,
                segments=[_json(one.segment) for one in objects] if masks else None,
                keypoints=np.array([_points(one, count) for one in objects], np.float32) if points else None,
                keypoint_names=(keypoint_names or tuple(f"keypoint {i}" for i in range(count))) if points else (),
            ),
            labels=space,
        )


def locate_images(root: Path, folders: Iterable[str]) -> dict[str, str]:
    """Find the images of some folders: file name, and path relative to ``root`` → path relative to ``root``.

    Labeling tools export a file name without its folder, or with the folder on another machine.
    """
    from hub.images import SUFFIXES

    found: dict[str, str] = {}
    for folder in folders:
        place = root / folder
        if not place.is_dir():
            continue
        for path in sorted(place.rglob("*")):
            if path.suffix.lower() in SUFFIXES and not path.name.startswith("."):
                relative = path.relative_to(root).as_posix()
                found.setdefault(path.name, relative)
                found[relative] = relative
    return found


def find_image(known: dict[str, str], name: str, *, where: str) -> str:
    """Return the path, relative to the root, of an image that an annotation gives by name or by any path.

    Raises:
        AnnotationError: there is no such file.
    """
    plain = name.replace("\\", "/").strip()
    parts = plain.split("/")
    for start in range(len(parts)):
        if (path := known.get("/".join(parts[start:]))) is not None:
            return path
    raise AnnotationError(f"{where}: the image {name!r} does not exist", fix="add the file, or check root")


def _labels(objects: Sequence[AnnotatedObject], given: Sequence[str] | None, name: str) -> LabelSpace:
    names = tuple(given) if given else tuple(sorted({one.label for one in objects}))
    if not names:
        raise AnnotationError(f"{name} has no objects and no classes", fix="set the option labels, or add annotations")
    return LabelSpace(names, tuple(range(len(names))))


def _json(segment: list[list[float]] | Rle | None) -> bytes:
    return b"" if segment is None else json.dumps(segment).encode()


def _area(one: AnnotatedObject) -> float:
    """Return the area in square pixels: of the polygons (shoelace formula), or of the RLE, or of the box."""
    if isinstance(one.segment, list):
        corners = [np.asarray(polygon, np.float64).reshape(-1, 2).T for polygon in one.segment]
        return float(sum(abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)) / 2 for x, y in corners))
    if one.segment is not None:
        from pycocotools import mask as coco_mask

        return float(coco_mask.area({"size": one.segment["size"], "counts": str(one.segment["counts"]).encode()}))
    x1, y1, x2, y2 = one.box
    return max(0.0, x2 - x1) * max(0.0, y2 - y1)


def _points(one: AnnotatedObject, count: int) -> np.ndarray:
    points = np.zeros((count, 3), np.float32)
    if one.keypoints is not None:
        points[: len(one.keypoints)] = one.keypoints
    return points
