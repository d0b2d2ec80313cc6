"""LabelMe's JSON: a file beside each image with polygons, rectangles, circles and masks."""

from __future__ import annotations

import base64
import binascii
import io
import json
import logging
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from hub.data.formats.instances import InstanceOptions
from hub.data.formats.objects import AnnotatedImage, AnnotatedObject, ObjectDataset, find_image, locate_images
from hub.errors import AnnotationError, DataError
from hub.text_files import read_text

log = logging.getLogger("hub")

_CIRCLE_POINTS = 64


class LabelMeOptions(InstanceOptions):
    """Options of `LabelMe`.

    Attributes:
        annotations: folder of the JSON files in ``root``, searched with its subfolders.
        labels: the class names in order; by default those of all objects, sorted.
    """

    annotations: str = "."
    labels: Annotated[tuple[str, ...], Field(min_length=1)] | None = None


class LabelMe(ObjectDataset):
    """Objects of LabelMe's files, one per shape; shapes with one label and one ``group_id`` are one object.

    Rectangles give boxes, polygons, circles (as 64 points) and masks give masks. Points and lines have no area: they
    are skipped with a warning. Images without a JSON file are not part of the dataset.

    Raises:
        DataError: there is no LabelMe file.
        AnnotationError: a file is broken, or its image is missing.
        UnknownCategoryError, BadBoxesError, ImageError: see `ObjectDataset`.
    """

    Options: ClassVar[type[LabelMeOptions]] = LabelMeOptions

    def __init__(self, options: LabelMeOptions) -> None:
        root = Path(options.root).expanduser()
        folder = root / options.annotations
        files = [path for path in sorted(folder.rglob("*.json")) if not path.name.startswith(".")]
        skipped: Counter[str] = Counter()
        known = locate_images(root, ["."])
        images = []
        for path in files:
            content = _read(path)
            if content is not None:
                images.append(_image(path, content, root, known, skipped))
        if not images:
            raise DataError(f"{folder} has no LabelMe file", fix="check root and annotations in the dataset section")
        if skipped:
            shown = ", ".join(f"{count} × {kind}" for kind, count in skipped.items())
            log.warning("%s: skipped shapes without an area: %s", folder, shown)
        super().__init__(options, name=str(folder), folder=root, images=images, labels=options.labels)


def detect_labelme(root: Path, split: str) -> Mapping[str, object] | None:
    """Recognize a folder whose JSON files are LabelMe's; a folder named like the split is preferred."""
    for folder in (split, "."):
        first = next((p for p in sorted((root / folder).glob("*.json")) if not p.name.startswith(".")), None)
        try:
            if first is not None and _read(first) is not None:
                return {"annotations": folder}
        except AnnotationError:
            continue
    return None


def _read(path: Path) -> Mapping[str, Any] | None:
    """Return the content of a LabelMe file, None for JSON of another kind."""
    try:
        content = json.loads(read_text(path))
    except (OSError, ValueError, RecursionError) as error:
        raise AnnotationError(f"{path} is not JSON: {error}", fix="correct or remove the file") from None
    return content if isinstance(content, Mapping) and "shapes" in content and "imagePath" in content else None


def _image(
    path: Path, content: Mapping[str, Any], root: Path, known: dict[str, str], skipped: Counter[str]
) -> AnnotatedImage:
    beside = (path.parent / str(content["imagePath"]).replace("\\", "/")).resolve()
    if beside.is_file() and beside.is_relative_to(root.resolve()):
        file = beside.relative_to(root.resolve()).as_posix()
    else:
        file = find_image(known, str(content["imagePath"]), where=str(path))
    size = content.get("imageHeight"), content.get("imageWidth")
    height, width = size if all(isinstance(side, int) and side > 0 for side in size) else (None, None)
    image = AnnotatedImage(file, None if height is None or width is None else (height, width))
    groups: dict[tuple[str, object], AnnotatedObject] = {}
    for number, shape in enumerate(content["shapes"]):
        try:
            one = _object(shape, image, skipped)
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise AnnotationError(
                f"{path}: shape {number} cannot be read: {type(error).__name__}: {error}", fix="correct the shape"
            ) from None
        if one is None:
            continue
        key = (one.label, number if shape.get("group_id") is None else ("group", shape["group_id"]))
        groups[key] = _merged(groups[key], one) if key in groups else one
    image.objects = list(groups.values())
    return image


def _object(shape: Mapping[str, Any], image: AnnotatedImage, skipped: Counter[str]) -> AnnotatedObject | None:
    label, kind = str(shape["label"]), shape.get("shape_type") or "polygon"
    points = np.asarray(shape["points"], np.float64).reshape(-1, 2)
    if not np.isfinite(points).all():
        raise ValueError("a point is not finite")
    if kind == "rectangle" or (kind == "polygon" and len(points) == 2):
        return AnnotatedObject(label, _box(points))
    if kind == "circle":
        center, edge = points
        angles = np.linspace(0, 2 * np.pi, _CIRCLE_POINTS, endpoint=False)
        ring = center + np.linalg.norm(edge - center) * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        return AnnotatedObject.polygon(label, [ring.ravel().tolist()])
    if kind == "mask":
        return _from_mask(label, str(shape["mask"]), points, image)
    if kind in ("polygon", "rotation") and len(points) >= 3:
        return AnnotatedObject.polygon(label, [points.ravel().tolist()])
    skipped[kind] += 1
    return None


def _from_mask(label: str, encoded: str, points: np.ndarray, image: AnnotatedImage) -> AnnotatedObject:
    """Paste a mask, a PNG in base64, with its corner at the first point."""
    from PIL import Image

    if image.size is None:
        raise ValueError("a mask needs imageHeight and imageWidth")
    try:
        with Image.open(io.BytesIO(base64.b64decode(encoded))) as file:
            part = np.asarray(file) > 0
    except binascii.Error as error:
        raise ValueError(f"its mask is not base64: {error}") from None
    whole = np.zeros(image.size, bool)
    x, y = (max(0, int(v)) for v in points[0])
    target = whole[y : y + part.shape[0], x : x + part.shape[1]]
    target |= part[: target.shape[0], : target.shape[1]]
    return AnnotatedObject.mask(label, whole)


def _box(points: np.ndarray) -> tuple[float, float, float, float]:
    (x1, y1), (x2, y2) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return x1, y1, x2, y2


def _merged(one: AnnotatedObject, other: AnnotatedObject) -> AnnotatedObject:
    """Join two parts of one object."""
    corners = np.array([one.box, other.box])
    x1, y1 = corners[:, :2].min(axis=0).tolist()
    x2, y2 = corners[:, 2:].max(axis=0).tolist()
    both = isinstance(one.segment, list) and isinstance(other.segment, list)
    segment = [*one.segment, *other.segment] if both else None  # type: ignore[misc]
    return AnnotatedObject(one.label, (x1, y1, x2, y2), segment)
