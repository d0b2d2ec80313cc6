"""Supervisely's JSON: ``meta.json`` with the classes, and for each image a file of its objects."""

from __future__ import annotations

import base64
import io
import json
import logging
import zlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from hub.data.formats.instances import InstanceOptions
from hub.data.formats.objects import AnnotatedImage, AnnotatedObject, ObjectDataset
from hub.errors import AnnotationError, DataError
from hub.text_files import read_text

log = logging.getLogger("hub")


class SuperviselyOptions(InstanceOptions):
    """Options of `Supervisely`.

    Attributes:
        dataset: folder of the project's dataset in ``root``, with ``img`` and ``ann``; by default all of them.
    """

    dataset: str | None = None


class Supervisely(ObjectDataset):
    """Rectangles, polygons (with holes) and bitmaps of a Supervisely project.

    Points, lines and graphs are skipped with a warning.

    Raises:
        DataError: ``meta.json`` or the dataset's folders are missing.
        AnnotationError: a file is broken, or an image is missing.
        UnknownCategoryError, BadBoxesError, ImageError: see `ObjectDataset`.
    """

    Options: ClassVar[type[SuperviselyOptions]] = SuperviselyOptions

    def __init__(self, options: SuperviselyOptions) -> None:
        root = Path(options.root).expanduser()
        meta = _read(root / "meta.json")
        folders = sorted(p.parent for p in root.glob("*/ann")) if options.dataset is None else [root / options.dataset]
        skipped: Counter[str] = Counter()
        images = [_image(path, root, skipped) for folder in folders for path in sorted((folder / "ann").glob("*.json"))]
        if not images:
            raise DataError(f"{root} has no dataset with annotations", fix="check root and dataset")
        if skipped:
            shown = ", ".join(f"{count} × {kind}" for kind, count in skipped.items())
            log.warning("%s: skipped objects without an area: %s", root, shown)
        labels = [str(one["title"]) for one in meta.get("classes", []) if isinstance(one, Mapping)]
        super().__init__(options, name=str(root), folder=root, images=images, labels=labels or None)


def detect_supervisely(root: Path, split: str) -> Mapping[str, object] | None:
    """Recognize a project by its ``meta.json``; a dataset named like the split is taken alone."""
    if not (root / "meta.json").is_file() or not any(root.glob("*/ann")):
        return None
    return {"dataset": split} if (root / split / "ann").is_dir() else {}


def _read(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(read_text(path))
    except (OSError, ValueError, RecursionError) as error:
        raise AnnotationError(f"{path} cannot be read: {error}", fix="export the project again") from None
    if not isinstance(content, Mapping):
        raise AnnotationError(f"{path} is not Supervisely's JSON", fix="export the project again")
    return content


def _image(path: Path, root: Path, skipped: Counter[str]) -> AnnotatedImage:
    content = _read(path)
    file = path.parent.parent / "img" / path.name.removesuffix(".json")
    if not file.is_file():
        raise AnnotationError(f"{path}: its image {file} does not exist", fix="add it, or remove the annotation file")
    try:
        size = int(content["size"]["height"]), int(content["size"]["width"])
        objects = [_object(one, size, skipped) for one in content["objects"]]
    except (KeyError, TypeError, ValueError, OSError, zlib.error) as error:
        raise AnnotationError(
            f"{path} cannot be read: {type(error).__name__}: {error}", fix="export the project again"
        ) from None
    return AnnotatedImage(file.relative_to(root).as_posix(), size, [one for one in objects if one is not None])


def _object(one: Mapping[str, Any], size: tuple[int, int], skipped: Counter[str]) -> AnnotatedObject | None:
    label, kind = str(one["classTitle"]), str(one["geometryType"])
    if kind == "bitmap":
        return AnnotatedObject.mask(label, _bitmap(one["bitmap"], size))
    if kind not in ("rectangle", "polygon"):
        skipped[kind] += 1
        return None
    outside = np.asarray(one["points"]["exterior"], np.float64).reshape(-1, 2)
    if kind == "rectangle":
        (x1, y1), (x2, y2) = outside.min(axis=0).tolist(), outside.max(axis=0).tolist()
        return AnnotatedObject(label, (x1, y1, x2, y2))
    holes = [np.asarray(hole, np.float64).ravel().tolist() for hole in one["points"].get("interior") or []]
    if not holes:
        return AnnotatedObject.polygon(label, [outside.ravel().tolist()])
    return AnnotatedObject.mask(label, _with_holes(outside.ravel().tolist(), holes, size))


def _with_holes(outside: list[float], holes: list[list[float]], size: tuple[int, int]) -> np.ndarray:
    from pycocotools import mask as coco_mask

    filled, *cut = (coco_mask.decode(rle).astype(bool) for rle in coco_mask.frPyObjects([outside, *holes], *size))
    for hole in cut:
        filled &= ~hole
    return np.asarray(filled)


def _bitmap(bitmap: Mapping[str, Any], size: tuple[int, int]) -> np.ndarray:
    """Decode a bitmap, a PNG compressed with zlib in base64, and paste it at its origin (x, y)."""
    from PIL import Image

    with Image.open(io.BytesIO(zlib.decompress(base64.b64decode(bitmap["data"])))) as file:
        pixels = np.asarray(file.convert("RGBA") if file.mode in ("RGBA", "LA", "P") else file)
    part = pixels[..., 3] > 0 if pixels.ndim == 3 and pixels.shape[2] == 4 else pixels > 0
    x, y = (int(v) for v in bitmap["origin"])
    mask = np.zeros(size, bool)
    target = mask[y : y + part.shape[0], x : x + part.shape[1]]
    target |= part[: target.shape[0], : target.shape[1]]
    return mask
