"""Open Images' tables: normalized boxes in a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from hub.data.formats.instances import InstanceOptions
from hub.data.formats.objects import AnnotatedImage, AnnotatedObject, ObjectDataset, locate_images
from hub.errors import AnnotationError, DataError
from hub.image_size import image_size
from hub.text_files import read_text

_COLUMNS = ("ImageID", "LabelName", "XMin", "XMax", "YMin", "YMax")


class OpenImagesOptions(InstanceOptions):
    """Options of `OpenImages`.

    Attributes:
        annotations: CSV file of boxes in ``root``.
        classes: CSV file in ``root`` with a label and its name per line (``/m/0cmf2,Airplane``); None if the boxes
            have the names themselves.
        images: folder of the images in ``root``. Its images without a box are images without objects.
        labels: the class names in order; by default those of all objects, sorted.
    """

    annotations: str = "train-annotations-bbox.csv"
    classes: str | None = None
    images: str = "images"
    labels: Annotated[tuple[str, ...], Field(min_length=1)] | None = None


class OpenImages(ObjectDataset):
    """Boxes of Open Images (https://storage.googleapis.com/openimages/web/download_v7.html).

    A box marked ``IsGroupOf`` stands for many objects and becomes a crowd region.

    Raises:
        AnnotationError: a file is missing or broken.
        DataError: the folder holds no image.
        UnknownCategoryError, BadBoxesError, ImageError: see `ObjectDataset`.
    """

    Options: ClassVar[type[OpenImagesOptions]] = OpenImagesOptions

    def __init__(self, options: OpenImagesOptions) -> None:
        root = Path(options.root).expanduser()
        path = root / options.annotations
        names = {} if options.classes is None else _names(root / options.classes)
        files = {Path(file).stem: file for file in locate_images(root, [options.images]).values()}
        if not files:
            raise DataError(f"{root / options.images} has no images", fix="check root and images")
        images = {stem: AnnotatedImage(file, image_size(root / file)) for stem, file in files.items()}
        for number, row in enumerate(_rows(path), start=2):
            where = f"{path}, line {number}"
            image = images.get(row["ImageID"])
            if image is None:
                raise AnnotationError(f"{where}: the image {row['ImageID']!r} does not exist", fix="add it")
            image.objects.append(_object(row, image, names, where))
        super().__init__(options, name=str(path), folder=root, images=list(images.values()), labels=options.labels)


def detect_open_images(root: Path, split: str) -> Mapping[str, object] | None:
    """Recognize a folder with one of Open Images' tables of boxes."""
    for path in sorted(root.glob("*.csv"), key=lambda p: (not p.name.startswith(split), p.name)):
        with path.open("rb") as file:
            if file.readline().startswith((b"ImageID,Source,LabelName", b"ImageID,LabelName")):
                classes = next((p.name for p in sorted(root.glob("*.csv")) if "class" in p.name.lower()), None)
                folder = next((f for f in (split, "images") if (root / f).is_dir()), ".")
                return {"annotations": path.name, "classes": classes, "images": folder}
    return None


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        reader = csv.DictReader(io.StringIO(read_text(path)))
        missing = [column for column in _COLUMNS if column not in (reader.fieldnames or ())]
        if missing:
            raise ValueError(f"it has no column {missing[0]}")
        return list(reader)
    except (OSError, ValueError, csv.Error) as error:
        raise AnnotationError(f"{path} cannot be read: {error}", fix="check root and annotations") from None


def _names(path: Path) -> dict[str, str]:
    try:
        return {row[0]: row[1] for row in csv.reader(io.StringIO(read_text(path))) if len(row) > 1}
    except (OSError, ValueError, csv.Error) as error:
        raise AnnotationError(f"{path} cannot be read: {error}", fix="check classes") from None


def _object(row: Mapping[str, str], image: AnnotatedImage, names: Mapping[str, str], where: str) -> AnnotatedObject:
    assert image.size is not None
    height, width = image.size
    try:
        x1, x2 = (float(row[column]) * width for column in ("XMin", "XMax"))
        y1, y2 = (float(row[column]) * height for column in ("YMin", "YMax"))
    except (TypeError, ValueError) as error:
        raise AnnotationError(f"{where}: {error}", fix="correct the line") from None
    label = row["LabelName"]
    return AnnotatedObject(names.get(label, label), (x1, y1, x2, y2), crowd=row.get("IsGroupOf") == "1")
