"""CVAT's XML ("CVAT for images 1.1"): boxes, polygons, ellipses and masks of all images in one file."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar
from xml.etree import ElementTree

import numpy as np

from hub.data.formats.instances import InstanceOptions
from hub.data.formats.objects import AnnotatedImage, AnnotatedObject, ObjectDataset, find_image, locate_images
from hub.errors import AnnotationError
from hub.text_files import read_text

log = logging.getLogger("hub")

_ELLIPSE_POINTS = 64


class CvatOptions(InstanceOptions):
    """Options of `Cvat`.

    Attributes:
        annotations: the XML file in ``root``.
        subset: take the images of this subset only, such as Train; by default all.
    """

    annotations: str = "annotations.xml"
    subset: str | None = None


class Cvat(ObjectDataset):
    """Objects of CVAT's XML; the classes are those of the task, in its order.

    Rotated boxes and ellipses (as 64 points) give masks, like polygons and masks. Points, lines, cuboids and skeletons
    are skipped with a warning.

    Raises:
        AnnotationError: the file is missing, broken, or "CVAT for video".
        UnknownCategoryError, BadBoxesError, ImageError: see `ObjectDataset`.
    """

    Options: ClassVar[type[CvatOptions]] = CvatOptions

    def __init__(self, options: CvatOptions) -> None:
        root = Path(options.root).expanduser()
        path = root / options.annotations
        tree = _read(path)
        if tree.find("track") is not None:
            raise AnnotationError(f"{path} is CVAT for video", fix="export the task as 'CVAT for images 1.1'")
        known = locate_images(root, ["."])
        skipped: Counter[str] = Counter()
        images = [
            _image(element, path, known, skipped)
            for element in tree.findall("image")
            if options.subset is None or (element.get("subset") or "").lower() == options.subset.lower()
        ]
        if skipped:
            shown = ", ".join(f"{count} × {kind}" for kind, count in skipped.items())
            log.warning("%s: skipped shapes without an area: %s", path, shown)
        names = [name.text.strip() for name in tree.iterfind("meta//labels/label/name") if name.text]
        super().__init__(options, name=str(path), folder=root, images=images, labels=list(dict.fromkeys(names)) or None)


def detect_cvat(root: Path, split: str) -> Mapping[str, object] | None:
    """Recognize a folder with CVAT's ``annotations.xml``."""
    path = root / "annotations.xml"
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return {} if b"<annotations" in file.read(4096) else None


def _read(path: Path) -> ElementTree.Element:
    try:
        tree = ElementTree.fromstring(read_text(path).encode())
    except (OSError, UnicodeDecodeError, ElementTree.ParseError) as error:
        raise AnnotationError(f"{path} cannot be read: {error}", fix="check root and annotations") from None
    if tree.tag != "annotations":
        raise AnnotationError(f"{path} is not CVAT's XML: its root is <{tree.tag}>", fix="export 'CVAT for images 1.1'")
    return tree


def _image(element: ElementTree.Element, path: Path, known: dict[str, str], skipped: Counter[str]) -> AnnotatedImage:
    name = element.get("name") or ""
    where = f"{path}: image {name!r}"
    try:
        size = int(element.attrib["height"]), int(element.attrib["width"])
        image = AnnotatedImage(find_image(known, name, where=str(path)), size)
        groups: dict[tuple[str, str], AnnotatedObject] = {}
        for number, shape in enumerate(element):
            one = _object(shape, size)
            if one is None:
                skipped[shape.tag] += shape.tag != "tag"
                continue
            group = shape.get("group_id") or "0"
            key = (one.label, f"group {group}" if group != "0" and one.segment is not None else str(number))
            if key in groups and isinstance(groups[key].segment, list) and isinstance(one.segment, list):
                one = AnnotatedObject.polygon(one.label, [*groups[key].segment, *one.segment])  # type: ignore[misc]
            groups[key] = one
    except (KeyError, ValueError) as error:
        raise AnnotationError(f"{where} cannot be read: {type(error).__name__}: {error}", fix="export again") from None
    image.objects = list(groups.values())
    return image


def _object(shape: ElementTree.Element, size: tuple[int, int]) -> AnnotatedObject | None:
    label = shape.get("label") or ""

    def number(key: str) -> float:
        return float(shape.attrib[key])

    if shape.tag == "box":
        box = (number("xtl"), number("ytl"), number("xbr"), number("ybr"))
        angle = float(shape.get("rotation") or 0)
        if not angle:
            return AnnotatedObject(label, box)
        corners = np.array([[box[0], box[1]], [box[2], box[1]], [box[2], box[3]], [box[0], box[3]]])
        return AnnotatedObject.polygon(label, [_rotated(corners, angle)])
    if shape.tag == "polygon":
        points = [float(v) for pair in shape.attrib["points"].split(";") for v in pair.split(",")]
        return AnnotatedObject.polygon(label, [points])
    if shape.tag == "ellipse":
        angles = np.linspace(0, 2 * np.pi, _ELLIPSE_POINTS, endpoint=False)
        ring = np.stack([np.cos(angles) * number("rx"), np.sin(angles) * number("ry")], axis=1)
        ring += [number("cx"), number("cy")]
        return AnnotatedObject.polygon(label, [_rotated(ring, float(shape.get("rotation") or 0))])
    if shape.tag == "mask":
        return AnnotatedObject.mask(label, _mask(shape, size))
    return None


def _rotated(points: np.ndarray, degrees: float) -> list[float]:
    """Turn points clockwise, as seen on the screen, around the middle of their box."""
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return [float(v) for v in ((points - middle) @ turn + middle).ravel()]


def _mask(shape: ElementTree.Element, size: tuple[int, int]) -> np.ndarray:
    """Decode the run lengths of a mask's crop: zeros first, row by row."""
    left, top, width, height = (int(float(shape.attrib[key])) for key in ("left", "top", "width", "height"))
    runs = [int(run) for run in shape.attrib["rle"].split(",")]
    if sum(runs) != width * height or min(runs) < 0:
        raise ValueError(f"the runs of a mask sum to {sum(runs)}, its crop has {width * height} pixels")
    if left < 0 or top < 0 or left + width > size[1] or top + height > size[0]:
        raise ValueError("a mask lies outside its image")
    mask = np.zeros(size, np.uint8)
    values = np.resize(np.array([0, 1], np.uint8), len(runs))
    mask[top : top + height, left : left + width] = np.repeat(values, runs).reshape(height, width)
    return mask
