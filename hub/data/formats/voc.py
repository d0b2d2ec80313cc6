"""Pascal VOC's format (Everingham et al. 2010): one XML file per image, and lists of image names for the splits."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal
from xml.etree import ElementTree

import numpy as np
from pydantic import Field

from hub.data.annotations.packing import pack_instances
from hub.data.formats.instances import InstanceDataset, InstanceOptions
from hub.errors import AnnotationError, UnknownCategoryError, did_you_mean
from hub.image_size import image_size
from hub.images import SUFFIXES
from hub.labels import LabelSpace
from hub.text_files import read_lines, read_text


class VocOptions(InstanceOptions):
    """Options of `Voc`.

    Attributes:
        split: name of a list in ``ImageSets/Main``, without ``.txt``; if there are no lists, a folder in ``root`` with
            images and XML files side by side (labelImg, Roboflow). ``val`` and ``valid`` are the same.
        images: folder of the images, relative to ``root``.
        annotations: folder of the XML files, relative to ``root``.
        labels: the class names in order; by default all names in the folder of annotations, sorted, so that all splits
            have the same labels.
        difficult: "ignore" excludes objects marked difficult from training and evaluation, as VOC's own evaluation
            does; "keep" treats them like others.
    """

    split: str
    images: str = "JPEGImages"
    annotations: str = "Annotations"
    labels: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    difficult: Literal["keep", "ignore"] = "ignore"


class Voc(InstanceDataset):
    """Boxes of Pascal VOC's XML files; the id of an image is its name in the list of the split.

    VOC counts pixels from 1 and includes the last one, so a box is (xmin − 1, ymin − 1, xmax, ymax) here. Objects
    marked difficult become crowd unless ``difficult`` is "keep". A box with xmax ≤ xmin or ymax ≤ ymin has no area.

    Raises:
        AnnotationError: a list or an XML file is missing or broken.
        UnknownCategoryError: the name of an object is not in ``labels``.
        BadBoxesError, ImageError: see `InstanceDataset`.

    >>> options = Voc.Options(root="/data/VOC2012", split="train")
    >>> dataset = Voc(options)                              # doctest: +SKIP
    >>> dataset.label_spaces["instances"].names[0]          # doctest: +SKIP
    'aeroplane'
    """

    Options: ClassVar[type[VocOptions]] = VocOptions

    def __init__(self, options: VocOptions) -> None:
        root = Path(options.root).expanduser()
        split = root / "ImageSets" / "Main" / f"{options.split}.txt"
        folder, annotations = root / options.images, root / options.annotations
        if split.parent.is_dir():
            ids = _read_split(split)
        else:
            folder = annotations = split = _folder_of_split(root, options)
            ids = sorted(page.stem for page in annotations.glob("*.xml") if not page.name.startswith("."))
        pages = {name: _read_page(annotations / f"{name}.xml") for name in dict.fromkeys(ids)}
        labels = LabelSpace(options.labels or _all_names(annotations, pages))
        index = {name: i for i, name in enumerate(labels.names)}
        for page in pages.values():
            for name in page.names:
                if name not in index:
                    raise UnknownCategoryError(
                        f"{page.path}: {name!r} is not among the labels.{did_you_mean(name, index)}",
                        fix="add it to labels in the config's dataset section, or correct the file",
                    )
        listed = [pages[name] for name in ids]
        files = _find_files(folder, listed)
        boxes = np.array([box for page in listed for box in page.boxes], np.float64).reshape(-1, 4)
        difficult = np.array([flag for page in listed for flag in page.difficult], bool)
        super().__init__(
            options,
            name=str(split),
            folder=folder,
            files=files,
            ids=ids,
            sizes=np.array(
                [page.size or image_size(folder / file) for page, file in zip(listed, files, strict=True)], np.int64
            ).reshape(-1, 2),
            instances=pack_instances(
                np.repeat(np.arange(len(listed)), [len(page.names) for page in listed]),
                len(listed),
                ids=np.arange(1, len(boxes) + 1),
                boxes=boxes,
                labels=np.array([index[name] for page in listed for name in page.names], np.int64),
                crowd=difficult & (options.difficult == "ignore"),
            ),
            labels=labels,
        )


@dataclass(frozen=True)
class _Page:
    """One XML file: ``boxes`` are x1 y1 x2 y2 in pixels from 0, ``size`` is (height, width) or None if not given."""

    path: Path
    filename: str
    size: tuple[int, int] | None
    names: list[str]
    boxes: list[tuple[float, float, float, float]]
    difficult: list[bool]


def _read_split(path: Path) -> list[str]:
    try:
        lines = read_lines(path)
    except (OSError, UnicodeDecodeError) as error:
        others = sorted(p.stem for p in path.parent.glob("*.txt"))
        raise AnnotationError(
            f"the list of the split, {path}, cannot be read: {error}",
            fix=f"check root and split in the config's dataset section; its lists are {', '.join(others) or '(none)'}",
        ) from None
    return [_without_ending(line) for line in lines]


def _without_ending(line: str) -> str:
    """Return a name of a list without the ending that some tools write: ``a.jpg`` or ``a.xml`` is ``a``."""
    stem, suffix = os.path.splitext(line)
    return stem if suffix.lower() in {*SUFFIXES, ".xml"} else line


def _folder_of_split(root: Path, options: VocOptions) -> Path:
    """Return the folder that holds the XML files of a split beside their images."""
    alias = {"val": ["valid"], "valid": ["val"]}.get(options.split, [])
    for name in [options.split, *alias, "."]:
        if next((root / name).glob("*.xml"), None) is not None:
            return root / name
    raise AnnotationError(
        f"{root} has neither the folder ImageSets/Main nor a folder {options.split} with XML files",
        fix="check root and split in the config's dataset section",
    )


def _read_page(path: Path) -> _Page:
    try:
        root = ElementTree.fromstring(read_text(path).encode().lstrip())
        if root.tag != "annotation":
            raise ValueError(f"its root is <{root.tag}>, not <annotation>")
        height, width = (round(float(root.findtext(f"size/{side}") or 0)) for side in ("height", "width"))
        objects = root.findall("object")
        return _Page(
            path=path,
            filename=(root.findtext("filename") or "").strip(),
            size=(height, width) if height > 0 and width > 0 else None,
            names=[_text(each, "name") for each in objects],
            boxes=[_box(each) for each in objects],
            difficult=[(each.findtext("difficult") or "0").strip() == "1" for each in objects],
        )
    except (OSError, ElementTree.ParseError, LookupError, ValueError, OverflowError) as error:
        raise AnnotationError(
            f"{path} is not a VOC annotation: {error}", fix="correct the file, or remove its name from the split's list"
        ) from None


def _box(element: ElementTree.Element) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = (float(_text(element, f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax"))
    # Equal corners are an accidental click, not an object that is one pixel wide: the box has no area.
    return (x1 - 1, y1 - 1, x2, y2) if x2 > x1 and y2 > y1 else (x1, y1, x2, y2)


def _text(element: ElementTree.Element, path: str) -> str:
    text = (element.findtext(path) or "").strip()
    if not text:
        raise ValueError(f"an <object> without <{path}>")
    return text


def _all_names(folder: Path, known: dict[str, _Page]) -> tuple[str, ...]:
    """Return the sorted names of all objects in the folder, including those of other splits."""
    pages = [known.get(path.stem) or _read_page(path) for path in sorted(folder.glob("*.xml"))]
    names = {name for page in pages for name in page.names}
    if not names:
        raise AnnotationError(
            f"{folder} has no XML file with an object", fix="set labels in the config's dataset section"
        )
    return tuple(sorted(names))


def _find_files(folder: Path, pages: list[_Page]) -> list[str]:
    """Return the image of each XML file: with the same stem on disk, or else the file name in the XML."""
    try:
        listed = sorted(os.listdir(folder))
    except OSError:
        listed = []  # the dataset reports the missing images
    images = {
        Path(name).stem: name for name in listed if Path(name).suffix.lower() in SUFFIXES and not name.startswith(".")
    }
    return [images.get(page.path.stem) or page.filename or f"{page.path.stem}.jpg" for page in pages]


def detect_voc(root: Path, split: str) -> Mapping[str, object] | None:
    """Recognize VOC's own layout, and folders of splits that hold XML files beside their images."""
    if (root / "ImageSets" / "Main").is_dir() and (root / "Annotations").is_dir():
        return {"split": split}
    try:
        folder = _folder_of_split(root, VocOptions(root=str(root), split=split))
        _read_page(next(folder.glob("*.xml")))
    except AnnotationError:
        return None
    return {"split": split}
