"""The text format of the YOLO family: a file of normalised boxes or polygons beside each image."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import yaml

from hub.data.annotations.packing import pack_instances
from hub.data.formats.instances import InstanceDataset, InstanceOptions
from hub.errors import AnnotationError, DataError, ImageError, UnknownCategoryError
from hub.image_size import image_size
from hub.images import find_images
from hub.labels import LabelSpace

logger = logging.getLogger("hub")


class YoloOptions(InstanceOptions):
    """Options of `Yolo`.

    Attributes:
        split: key of ``data`` that says where the images are, such as train or val.
        data: YAML file in ``root`` with ``names`` (a list, or number → name) and for each split a folder of images
            or a text file that lists them, relative to ``root``.
    """

    split: str = "train"
    data: str = "data.yaml"


class Yolo(InstanceDataset):
    """Boxes (``class x y width height``, centre first) or polygons (``class x0 y0 x1 y1 …``), as parts of the image.

    The labels of ``…/images/a.jpg`` are in ``…/labels/a.txt``; an image without that file has no objects. Masks are
    provided where every object is a polygon. An image's id is its path relative to ``root``.

    Raises:
        DataError: ``data`` is missing or broken, or the split has no images.
        AnnotationError: a line that is neither, with the file and the line's number.
        UnknownCategoryError: a class without a name.
        BadBoxesError, ImageError: see `InstanceDataset`.
    """

    Options: ClassVar[type[YoloOptions]] = YoloOptions

    def __init__(self, options: YoloOptions) -> None:
        root = Path(options.root).expanduser()
        path = root / options.data
        content = _read_data(path)
        names = _names(path, content.get("names"))
        images = _images(root, path, content, options.split)
        sizes = np.array([image_size(image) for image in images], np.int64).reshape(-1, 2)
        objects: list[_Object] = []
        owners: list[int] = []
        for index, (image, (height, width)) in enumerate(zip(images, sizes.tolist(), strict=True)):
            own = _read_labels(_labels_of(image), names, height, width)
            objects += own
            owners += [index] * len(own)
        polygons = [one.polygon for one in objects]
        outlined = sum(polygon is not None for polygon in polygons)
        if 0 < outlined < len(objects):
            logger.warning(
                "%s: %d of %d objects have no polygon: boxes only", path, len(objects) - outlined, len(objects)
            )
        boxes = np.array([one.box for one in objects], np.float64).reshape(-1, 4)
        masks = outlined == len(objects) > 0
        files = [image.relative_to(root).as_posix() if image.is_relative_to(root) else str(image) for image in images]
        super().__init__(
            options,
            name=f"{path} ({options.split})",
            folder=root,
            files=files,
            ids=list(files),
            sizes=sizes,
            instances=pack_instances(
                np.array(owners, np.int64),
                len(images),
                ids=np.arange(1, len(objects) + 1),
                boxes=boxes,
                labels=np.array([one.label for one in objects], np.int64),
                area=np.array([_area(polygon) for polygon in polygons if polygon is not None]) if masks else None,
                segments=[json.dumps([p.ravel().tolist()]).encode() for p in polygons if p is not None]
                if masks
                else None,
            ),
            labels=LabelSpace(names, tuple(range(len(names)))),
        )


class _Object(NamedTuple):
    """``box`` is x1 y1 x2 y2 in pixels; ``polygon`` is (N, 2) x y in pixels, or None."""

    label: int
    box: tuple[float, float, float, float]
    polygon: np.ndarray | None


def _read_data(path: Path) -> Mapping[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(f"{path} cannot be read: {error}", fix="check root and data in the dataset section") from None
    if not isinstance(content, Mapping):
        raise DataError(f"{path} holds no keys", fix="it needs names, train and val")
    return content


def _names(path: Path, given: Any) -> tuple[str, ...]:
    if isinstance(given, Mapping):
        if sorted(given) != list(range(len(given))):
            raise DataError(f"{path}: the numbers of names are not 0 to {len(given) - 1}", fix="number them so")
        given = [given[i] for i in range(len(given))]
    if not isinstance(given, list) or not given:
        raise DataError(f"{path} has no names", fix="write for example names: [cat, dog]")
    return tuple(map(str, given))


def _images(root: Path, path: Path, content: Mapping[str, Any], split: str) -> list[Path]:
    if not isinstance(content.get(split), str):
        known = ", ".join(k for k, v in content.items() if isinstance(v, str) and k != "path")
        raise DataError(f"{path} has no split {split!r}", fix=f"it has {known or 'none'}")
    place = root / content[split]
    if place.suffix == ".txt":
        try:
            lines = [line.strip() for line in place.read_text(encoding="utf-8").splitlines() if line.strip()]
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"the list of the split, {place}, cannot be read: {error}", fix="check it") from None
        found = [root / line for line in lines]
    else:
        try:
            found = find_images(place) if place.is_dir() else []
        except ImageError:
            found = []
    if not found:
        raise DataError(f"{place} holds no images", fix=f"check {split} in {path}")
    return found


def _labels_of(image: Path) -> Path:
    """``images`` nearest to the file becomes ``labels``."""
    parts = list(image.parts)
    for i in range(len(parts) - 2, -1, -1):
        if parts[i] == "images":
            parts[i] = "labels"
            break
    return Path(*parts).with_suffix(".txt")


def _read_labels(path: Path, names: tuple[str, ...], height: int, width: int) -> list[_Object]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise AnnotationError(f"{path} cannot be read: {error}", fix="mend or remove it") from None
    return [
        _parse(line, f"{path}, line {number}", names, np.array([width, height]))
        for number, line in enumerate(lines, start=1)
        if line.strip()
    ]


def _parse(line: str, where: str, names: tuple[str, ...], size: np.ndarray) -> _Object:
    try:
        first, *rest = line.split()
        label, values = int(first), np.array(rest, np.float64)
    except ValueError:
        raise AnnotationError(f"{where}: {line!r} is not a list of numbers", fix="mend the line") from None
    if not 0 <= label < len(names):
        raise UnknownCategoryError(f"{where}: class {label} has no name; there are {len(names)}", fix="add its name")
    if not np.isfinite(values).all() or np.abs(values).max(initial=0) > 2:
        raise AnnotationError(f"{where}: coordinates are parts of the image, 0 to 1", fix="divide by its sides")
    if len(values) == 4:
        centre, half = values[:2] * size, values[2:] * size / 2
        return _Object(label, _corners(centre - half, centre + half), None)
    if len(values) < 6 or len(values) % 2:
        raise AnnotationError(
            f"{where}: {len(values)} coordinates are neither a box (4) nor a polygon of three points or more",
            fix="mend the line",
        )
    polygon = values.reshape(-1, 2) * size
    return _Object(label, _corners(polygon.min(0), polygon.max(0)), polygon)


def _corners(low: np.ndarray, high: np.ndarray) -> tuple[float, float, float, float]:
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _area(polygon: np.ndarray) -> float:
    """In square pixels, by the shoelace formula."""
    x, y = polygon.T
    return float(abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)) / 2)
