"""The text format of the YOLO family: a file of normalized boxes, polygons or keypoints for each image."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from hub.data.formats.instances import InstanceOptions
from hub.data.formats.objects import AnnotatedImage, AnnotatedObject, ObjectDataset
from hub.data.formats.yolo_layout import YoloLayout, find_layout, labels_of, read_layout
from hub.errors import AnnotationError, DataError, UnknownCategoryError
from hub.image_size import image_size
from hub.text_files import read_text

log = logging.getLogger("hub")


class YoloOptions(InstanceOptions):
    """Options of `Yolo`.

    Attributes:
        split: key of ``data`` with the location of the images, such as train or val (the same as valid). Label
            Studio's layout has no splits: every name gives the same images.
        data: file in ``root`` with the classes and the images of each split; by default it is searched for, see
            `hub.data.formats.yolo_layout.find_layout`.
    """

    split: str = "train"
    data: str | None = None


class Yolo(ObjectDataset):
    """Boxes (``class x y width height``, center first), polygons (``class x0 y0 x1 y1 …``) or keypoints.

    All numbers are fractions of the width and height of the image. The labels of ``…/images/a.jpg`` are in
    ``…/labels/a.txt``, or beside the image if no folder is named ``images``; an image without that file has no objects.
    Masks are provided if every object is a polygon, keypoints if the data file has ``kpt_shape``. The id of an image is
    its path relative to ``root``.

    Raises:
        DataError: the data file is missing or broken, or the split has no images.
        AnnotationError: a line is none of these; the message has the file and the line number.
        UnknownCategoryError: a class has no name.
        BadBoxesError, ImageError: see `InstanceDataset`.
    """

    Options: ClassVar[type[YoloOptions]] = YoloOptions

    def __init__(self, options: YoloOptions) -> None:
        root = Path(options.root).expanduser()
        path = find_layout(root) if options.data is None else root / options.data
        layout = read_layout(root, path, options.split)
        name = f"{path} ({options.split})"
        _check_label_files(layout, name)
        images = [_read_image(image, root, layout) for image in layout.images]
        super().__init__(
            options,
            name=name,
            folder=root,
            images=_without_some_masks(images, name) if layout.keypoints is None else images,
            labels=layout.names,
            keypoint_names=layout.keypoint_names,
        )


def detect_yolo(root: Path, split: str) -> Mapping[str, object] | None:
    """Recognize a folder with a YOLO data file."""
    try:
        path = find_layout(root)
    except (DataError, OSError, UnicodeDecodeError):
        return None
    if path.name == "classes.txt" and not ((root / "images").is_dir() and (root / "labels").is_dir()):
        return None
    return {"split": split, "data": path.name}


def _check_label_files(layout: YoloLayout, name: str) -> None:
    """Warn if no image has a label file: a missing or misspelled folder looks like images without objects."""
    looked = [labels_of(image) for image in layout.images]
    if not any(path.is_file() for path in looked):
        log.warning(
            "%s: none of the %d images has a label file, so there are no objects; looked in %s",
            name, len(looked), ", ".join(sorted({str(path.parent) for path in looked})[:3]),
        )  # fmt: skip


def _read_image(image: Path, root: Path, layout: YoloLayout) -> AnnotatedImage:
    file = image.relative_to(root).as_posix() if image.is_relative_to(root) else str(image)
    height, width = image_size(image)
    path = labels_of(image)
    try:
        lines = read_text(path).splitlines()
    except FileNotFoundError:
        lines = []
    except (OSError, UnicodeDecodeError) as error:
        raise AnnotationError(f"{path} cannot be read: {error}", fix="correct or remove it") from None
    size = np.array([width, height])
    objects = [
        _parse(line, f"{path}, line {number}", layout, size)
        for number, line in enumerate(lines, start=1)
        if line.strip()
    ]
    return AnnotatedImage(file, (height, width), objects)


def _parse(line: str, where: str, layout: YoloLayout, size: np.ndarray) -> AnnotatedObject:
    try:
        first, *rest = line.split()
        number, values = float(first), np.array(rest, np.float64)
    except ValueError:
        raise AnnotationError(f"{where}: {line!r} is not a list of numbers", fix="correct the line") from None
    if not number.is_integer() or not 0 <= number < len(layout.names):
        raise UnknownCategoryError(
            f"{where}: class {first} has no name; there are {len(layout.names)}", fix=f"add its name to {layout.source}"
        )
    label = layout.names[int(number)]
    if layout.keypoints is not None:
        return _with_keypoints(label, values, where, layout.keypoints, size)
    _check_fractions(values, where)
    if len(values) == 4:
        return AnnotatedObject(label, _box(values, size))
    if len(values) == 5:
        raise AnnotationError(
            f"{where}: five numbers after the class; the fifth of a prediction is its score",
            fix="export the labels without scores",
        )
    if len(values) < 6 or len(values) % 2:
        raise AnnotationError(
            f"{where}: {len(values)} coordinates are neither a box (4) nor a polygon of three points or more",
            fix="correct the line; keypoints need kpt_shape in the data file",
        )
    return AnnotatedObject.polygon(label, [(values.reshape(-1, 2) * size).ravel().tolist()])


def _with_keypoints(
    label: str, values: np.ndarray, where: str, shape: tuple[int, int], size: np.ndarray
) -> AnnotatedObject:
    """Read a box followed by K keypoints of two or three numbers; without visibility a point at 0 0 is not labeled."""
    count, numbers = shape
    if len(values) != 4 + count * numbers:
        raise AnnotationError(
            f"{where}: {len(values)} numbers after the class, but a box and {count} keypoints of {numbers} are "
            f"{4 + count * numbers}",
            fix="correct the line, or kpt_shape in the data file",
        )
    points = values[4:].reshape(count, numbers)
    _check_fractions(np.concatenate([values[:4], points[:, :2].ravel()]), where)
    visible = points[:, 2] if numbers == 3 else np.where((points > 0).any(axis=1), 2.0, 0.0)
    keypoints = np.concatenate([points[:, :2] * size, visible[:, None]], axis=1)
    return AnnotatedObject(label, _box(values[:4], size), keypoints=keypoints)


def _check_fractions(values: np.ndarray, where: str) -> None:
    if not np.isfinite(values).all() or np.abs(values).max(initial=0) > 2:
        raise AnnotationError(f"{where}: coordinates are fractions of the image, 0 to 1", fix="divide by its sides")


def _box(values: np.ndarray, size: np.ndarray) -> tuple[float, float, float, float]:
    center, half = values[:2] * size, values[2:4] * size / 2
    (x1, y1), (x2, y2) = (center - half).tolist(), (center + half).tolist()
    return x1, y1, x2, y2


def _without_some_masks(images: list[AnnotatedImage], name: str) -> list[AnnotatedImage]:
    """Drop all polygons if some objects are boxes, because masks need a polygon for every object."""
    objects = [one for image in images for one in image.objects]
    boxes = sum(one.segment is None for one in objects)
    if 0 < boxes < len(objects):
        log.warning("%s: %d of %d objects have no polygon: boxes only", name, boxes, len(objects))
        for image in images:
            image.objects = [one._replace(segment=None) for one in image.objects]
    return images
