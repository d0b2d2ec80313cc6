"""A folder of images and a folder of masks: paletted or gray PNGs whose values are classes."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
import yaml
from PIL import Image, UnidentifiedImageError
from pydantic import Field

from hub.contract.targets import IGNORE
from hub.data.formats.image_options import ImageOptions
from hub.data.formats.listed import ListedDataset
from hub.errors import AnnotationError, DataError, did_you_mean
from hub.image_size import image_size
from hub.images import SUFFIXES
from hub.labels import LabelSpace
from hub.text_files import read_lines, read_text

log = logging.getLogger("hub")

VOC_NAMES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable",
    "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip


class MaskFolderOptions(ImageOptions):
    """Options of `MaskFolder`.

    Attributes:
        root: folder of the dataset.
        images: folder of the images in ``root``.
        masks: folder of the masks in ``root``; a mask has the name of its image and the suffix .png.
        names: names of the classes: a list, or a file in ``root`` with one name per line, or a YAML or JSON list.
        values: pixel value → class name, if the k-th name is not the value k, such as ``{0: background, 255:
            lesion}``.
        ignore: value of pixels without a class; None if every value is a class.
        split: file in ``root`` with the names of the images to use, without suffix; by default all.
        check: number of masks to read when the dataset is opened, so that invalid values are found before the first
            step.
    """

    root: str
    images: str = "images"
    masks: str = "masks"
    names: tuple[str, ...] | str = "names.txt"
    values: dict[Annotated[int, Field(ge=0, le=65535)], str] | None = None
    ignore: Annotated[int, Field(ge=0, le=65535)] | None = IGNORE
    split: str | None = None
    check: Annotated[int, Field(ge=0)] = 2000


class MaskFolder(ListedDataset):
    """The map ``"semantic"``: the pixel value k is the k-th name, or the name given in ``values``.

    Raises:
        DataError: a folder, a list or an image is missing.
        AnnotationError: a mask is missing, its size differs from its image, or it has a value without a name; or all
            pixels except those of the first class are ignored.
    """

    Options: ClassVar[type[MaskFolderOptions]] = MaskFolderOptions

    def __init__(self, options: MaskFolderOptions) -> None:
        root = Path(options.root).expanduser()
        folder, self._masks = root / options.images, root / options.masks
        names = _names(root, options.names)
        self._lookup = _lookup(names, options)
        if len(names) > IGNORE:
            raise DataError(
                f"{options.names} has {len(names)} classes, but a map supports {IGNORE}; {IGNORE} means no class",
                fix="merge some classes in the masks and the names",
            )
        super().__init__(
            name=str(self._masks),
            folder=folder,
            files=_files(folder, None if options.split is None else root / options.split),
            label_spaces={"semantic": LabelSpace(names, tuple(range(len(names))))},
            value_range=options.value_range,
        )
        counts = np.zeros(IGNORE + 1, np.int64)
        for index, file in enumerate(self.ids):
            path = self._mask_of(index)
            if not path.is_file():
                raise AnnotationError(f"{folder / str(file)} has no mask {path}", fix="add it, or remove the image")
            if image_size(path) != tuple(self.sizes[index]):
                height, width = self.sizes[index]
                theirs = image_size(path)
                raise AnnotationError(
                    f"{path} has {theirs[0]}×{theirs[1]} pixels, but its image {height}×{width}",
                    fix="save the mask at the size of its image",
                )
            if index < options.check:
                counts += np.bincount(self._read(index).ravel(), minlength=IGNORE + 1)
        _check_classes(self.name, names, counts, options)

    def annotations(self, index: int, needs: frozenset[str]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Return the classes of the pixels of an image."""
        return {"semantic": self._read(index)} if "semantic" in needs else {}, {}

    def _mask_of(self, index: int) -> Path:
        return (self._masks / str(self.ids[index])).with_suffix(".png")

    def _read(self, index: int) -> np.ndarray:
        """Return the classes, (H, W) uint8."""
        path = self._mask_of(index)
        try:
            with Image.open(path) as picture:
                values = np.array(picture)
        except (OSError, UnidentifiedImageError) as error:
            raise AnnotationError(f"{path} is not an image: {error}", fix="save the mask again") from None
        if values.ndim != 2:
            raise AnnotationError(f"{path} has colors, not classes", fix="save it paletted or gray")
        if values.size and not 0 <= int(values.min()) <= int(values.max()) < len(self._lookup):
            raise AnnotationError(f"{path} has values outside 0 to {len(self._lookup) - 1}", fix="save 8 or 16 bits")
        classes = self._lookup[values.astype(np.uint16)]
        if (classes == _UNNAMED).any():
            unnamed = int(values[classes == _UNNAMED][0])
            count = len(self.label_spaces["semantic"])
            raise AnnotationError(
                f"{path}: value {unnamed} has no name; there are {count}",
                fix=f"name it in values ({{{unnamed}: NAME}}), add it to names, or set ignore: {unnamed}",
            )
        return classes.astype(np.uint8)


_UNNAMED = -1


def _lookup(names: tuple[str, ...], options: MaskFolderOptions) -> np.ndarray:
    """Return (65536,) int16: pixel value → class, ``IGNORE`` or ``_UNNAMED``."""
    table = np.full(1 << 16, _UNNAMED, np.int16)
    if options.ignore is not None:
        table[options.ignore] = IGNORE
    if options.values is None:
        table[: len(names)] = np.arange(len(names))
        if options.ignore is not None and options.ignore < len(names):
            table[options.ignore] = IGNORE
        return table
    index = {name: i for i, name in enumerate(names)}
    for value, name in options.values.items():
        if name not in index:
            raise DataError(
                f"values names the class {name!r}, which is not among the names.{did_you_mean(name, index)}",
                fix=f"the names are {', '.join(names)}",
            )
        table[value] = index[name]
    return table


def _check_classes(name: str, names: tuple[str, ...], counts: np.ndarray, options: MaskFolderOptions) -> None:
    """Reject masks in which all but one class is ignored, and warn about classes without a pixel.

    Many tools save two classes as 0 and 255. Since 255 is the default value of ignored pixels, training would see the
    background alone.
    """
    if not counts.any():
        return
    missing = [name for name, count in zip(names, counts, strict=False) if not count]
    ignored = int(counts[IGNORE])
    default = "ignore" not in options.model_fields_set
    if default and ignored and len(names) > 1 and len(missing) == len(names) - 1:
        raise AnnotationError(
            f"{name}: no pixel of {', '.join(missing)}, but {ignored / counts.sum():.0%} of all pixels have the "
            f"ignored value {options.ignore}",
            fix=f"if {options.ignore} is a class, write values: {{0: {names[0]}, {options.ignore}: {missing[0]}}} and "
            "ignore: null in the dataset section",
        )
    if missing:
        shown = ", ".join(missing[:10]) + (" …" if len(missing) > 10 else "")
        log.warning("%s: no pixel of %d of the %d classes: %s", name, len(missing), len(names), shown)


class VocSegmentationOptions(ImageOptions):
    """Options of `VocSegmentation`.

    Attributes:
        root: folder of the year, such as ``VOC2012``.
        split: name of a list in ``ImageSets/Segmentation``, without ``.txt``.
        names: names of the classes; by default VOC's, background first.
    """

    root: str
    split: str = "train"
    names: tuple[str, ...] = VOC_NAMES


class VocSegmentation(MaskFolder):
    """Pascal VOC's ``SegmentationClass`` as the map ``"semantic"``; the value 255 of its object borders is ignored."""

    Options: ClassVar[type[VocSegmentationOptions]] = VocSegmentationOptions  # type: ignore[assignment]

    def __init__(self, options: VocSegmentationOptions) -> None:
        super().__init__(
            MaskFolderOptions(
                root=options.root,
                images="JPEGImages",
                masks="SegmentationClass",
                names=options.names,
                split=f"ImageSets/Segmentation/{options.split}.txt",
                value_range=options.value_range,
            )
        )


def _names(root: Path, given: tuple[str, ...] | str) -> tuple[str, ...]:
    if not isinstance(given, str):
        return given
    path = root / given
    try:
        text = read_text(path)
        if path.suffix in (".yaml", ".yml", ".json"):
            names = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
            if not isinstance(names, list):
                raise ValueError("it is not a list")
        else:
            names = [line.strip() for line in text.splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError, ValueError, yaml.YAMLError) as error:
        raise DataError(
            f"the names of the classes, {path}, cannot be read: {error}", fix="write one name per line"
        ) from None
    return tuple(map(str, names))


def _files(folder: Path, split: Path | None) -> list[str]:
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder", fix="check root and images in the config's dataset section")
    files = {
        p.stem: p.name for p in sorted(folder.iterdir()) if p.suffix.lower() in SUFFIXES and not p.name.startswith(".")
    }
    if split is None:
        return list(files.values())
    try:
        wanted = [line if line in files else Path(line).stem for line in read_lines(split)]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"the list of the split, {split}, cannot be read: {error}", fix="check split") from None
    if missing := [name for name in wanted if name not in files]:
        raise DataError(f"{split} names {missing[0]!r}, but {folder} has no such image", fix="correct the list")
    return [files[name] for name in wanted]


def detect_mask_folder(root: Path, split: str) -> Mapping[str, object] | None:
    """Recognize folders of images and masks with a file that names the classes."""
    if not (root / "images").is_dir() or not (root / "masks").is_dir():
        return None
    names = next((f for f in ("names.txt", "names.yaml", "names.json", "classes.txt") if (root / f).is_file()), None)
    if names is None:
        return None
    lists = (split, *{"val": ("valid",), "valid": ("val",)}.get(split, ()))
    chosen = next((f"{name}.txt" for name in lists if (root / f"{name}.txt").is_file()), None)
    return {"names": names, "split": chosen}
