"""Label Studio's JSON export: rectangles, polygons and ellipses of all tasks in one file."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar
from urllib.parse import unquote, urlsplit

import numpy as np
from pydantic import Field

from hub.data.formats.instances import InstanceOptions
from hub.data.formats.objects import AnnotatedImage, AnnotatedObject, ObjectDataset, find_image, locate_images
from hub.errors import AnnotationError
from hub.text_files import read_text

log = logging.getLogger("hub")

_KINDS = {"rectanglelabels", "polygonlabels", "ellipselabels"}
_ELLIPSE_POINTS = 64


class LabelStudioOptions(InstanceOptions):
    """Options of `LabelStudio`.

    Attributes:
        annotations: the JSON file in ``root``.
        labels: the class names in order; by default those of all objects, sorted.
    """

    annotations: str = "result.json"
    labels: Annotated[tuple[str, ...], Field(min_length=1)] | None = None


class LabelStudio(ObjectDataset):
    """Objects of Label Studio's "JSON" export; each task gives its latest annotation that was not canceled.

    Rotated rectangles, polygons and ellipses (as 64 points) give masks. Brush strokes and keypoints are skipped with a
    warning; Label Studio's COCO export has the brush strokes as masks. Tasks without an annotation are left out; tasks
    with an empty annotation are images without objects.

    Raises:
        AnnotationError: the file is missing or broken, or an image is missing.
        UnknownCategoryError, BadBoxesError, ImageError: see `ObjectDataset`.
    """

    Options: ClassVar[type[LabelStudioOptions]] = LabelStudioOptions

    def __init__(self, options: LabelStudioOptions) -> None:
        root = Path(options.root).expanduser()
        path = root / options.annotations
        known = locate_images(root, ["."])
        skipped: Counter[str] = Counter()
        images = []
        for task in _read(path):
            done = [a for a in task.get("annotations") or task.get("completions") or [] if not a.get("was_cancelled")]
            if done:
                images.append(_image(task, done[-1], path, known, skipped))
        if skipped:
            shown = ", ".join(f"{count} × {kind}" for kind, count in skipped.items())
            log.warning("%s: skipped regions that are not boxes or polygons: %s", path, shown)
        super().__init__(options, name=str(path), folder=root, images=images, labels=options.labels)


def detect_label_studio(root: Path, split: str) -> Mapping[str, object] | None:
    """Recognize a folder with a single JSON file of Label Studio's tasks."""
    for path in sorted(root.glob("*.json")):
        try:
            if path.stat().st_size < 1 << 28 and _read(path):
                return {"annotations": path.name}
        except (AnnotationError, OSError):
            continue
    return None


def _read(path: Path) -> list[Mapping[str, Any]]:
    try:
        content = json.loads(read_text(path))
    except (OSError, ValueError, RecursionError) as error:
        raise AnnotationError(f"{path} cannot be read: {error}", fix="check root and annotations") from None
    tasks = content if isinstance(content, list) else []
    if not tasks or not all(
        isinstance(t, Mapping) and isinstance(t.get("data"), Mapping) and ("annotations" in t or "completions" in t)
        for t in tasks
    ):
        raise AnnotationError(f"{path} is not Label Studio's JSON export", fix="export with the format 'JSON'")
    return tasks


def _image(
    task: Mapping[str, Any],
    annotation: Mapping[str, Any],
    path: Path,
    known: dict[str, str],
    skipped: Counter[str],
) -> AnnotatedImage:
    where = f"{path}: task {task.get('id')}"
    address = next((v for v in task["data"].values() if isinstance(v, str) and _is_image(v)), None)
    if address is None:
        raise AnnotationError(f"{where} has no image in 'data'", fix="export a project of images")
    image = AnnotatedImage(find_image(known, _file_of(address), where=where))
    for number, region in enumerate(annotation.get("result") or []):
        kind = str(region.get("type", "")).lower()
        if kind not in _KINDS:
            skipped[kind] += kind not in ("choices", "textarea", "rating", "relation", "")
            continue
        try:
            image.size = int(region["original_height"]), int(region["original_width"])
            image.objects.append(_object(region["value"], kind, image.size))
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise AnnotationError(
                f"{where}: region {number} cannot be read: {type(error).__name__}: {error}", fix="export again"
            ) from None
    return image


def _object(value: Mapping[str, Any], kind: str, size: tuple[int, int]) -> AnnotatedObject:
    """Convert one region, whose numbers are percentages of the image."""
    height, width = size
    label = str(value[kind][0])
    scale = np.array([width, height]) / 100
    if kind == "polygonlabels":
        return AnnotatedObject.polygon(label, [(np.asarray(value["points"], np.float64) * scale).ravel().tolist()])
    angle = np.deg2rad(float(value.get("rotation") or 0))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    corner = np.array([value["x"], value["y"]], np.float64) * scale
    if kind == "ellipselabels":  # x and y are its center
        angles = np.linspace(0, 2 * np.pi, _ELLIPSE_POINTS, endpoint=False)
        radii = np.array([value["radiusX"], value["radiusY"]], np.float64) * scale
        ring = corner + (np.stack([np.cos(angles), np.sin(angles)], axis=1) * radii) @ turn
        return AnnotatedObject.polygon(label, [ring.ravel().tolist()])
    x, y = (np.array([value["width"], value["height"]], np.float64) * scale).tolist()
    if not angle:
        return AnnotatedObject(label, (float(corner[0]), float(corner[1]), float(corner[0] + x), float(corner[1] + y)))
    corners = corner + np.array([[0, 0], [x, 0], [x, y], [0, y]]) @ turn  # it turns around its first corner
    return AnnotatedObject.polygon(label, [corners.ravel().tolist()])


def _is_image(address: str) -> bool:
    from hub.images import SUFFIXES

    return Path(_file_of(address)).suffix.lower() in SUFFIXES


def _file_of(address: str) -> str:
    """Return the path of an address such as ``/data/local-files/?d=a.png``, ``s3://bucket/a.png`` or ``a.png``."""
    parts = urlsplit(address)
    if parts.query.startswith("d="):
        return unquote(parts.query[2:])
    return unquote(parts.path if parts.scheme and len(parts.scheme) > 1 else address.partition("?")[0])
