"""A folder of images and a folder of masks, paletted or grey PNGs whose values are classes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
import yaml
from PIL import Image, UnidentifiedImageError
from pydantic import Field

from hub.contract.targets import IGNORE
from hub.data.formats.image_options import ImageOptions
from hub.data.formats.listed import ListedDataset
from hub.errors import AnnotationError, DataError
from hub.image_size import image_size
from hub.images import SUFFIXES
from hub.labels import LabelSpace

VOC_NAMES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable",
    "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip


class MaskFolderOptions(ImageOptions):
    """Options of `MaskFolder`.

    Attributes:
        root: the folder of the dataset.
        images: folder of the images in it.
        masks: folder of the masks in it; a mask has the name of its image and the suffix .png.
        names: of the classes: their list, or a file in ``root`` with a name a line, or a YAML or JSON list.
        ignore: value of pixels without a class.
        split: file in ``root`` with the names of the images to use, without suffix; by default all.
        check: this many masks are read when the dataset is opened, so that a value without a name is found before
            the first step and not during an epoch; the others when they are loaded.
    """

    root: str
    images: str = "images"
    masks: str = "masks"
    names: tuple[str, ...] | str = "names.txt"
    ignore: Annotated[int, Field(ge=0)] = IGNORE
    split: str | None = None
    check: Annotated[int, Field(ge=0)] = 2000


class MaskFolder(ListedDataset):
    """The map ``"semantic"``: value k is the k-th name.

    Raises:
        DataError: a folder, a list or an image is missing.
        AnnotationError: a mask is missing, of another size than its image, or has a value without a name.
    """

    Options: ClassVar[type[MaskFolderOptions]] = MaskFolderOptions

    def __init__(self, options: MaskFolderOptions) -> None:
        root = Path(options.root).expanduser()
        folder, self._masks = root / options.images, root / options.masks
        self._ignore = options.ignore
        names = _names(root, options.names)
        if len(names) > IGNORE:
            raise DataError(
                f"{options.names} names {len(names)} classes, but a map holds {IGNORE}; {IGNORE} means no class",
                fix="merge some, and give their masks new values",
            )
        super().__init__(
            name=str(self._masks),
            folder=folder,
            files=_files(folder, None if options.split is None else root / options.split),
            label_spaces={"semantic": LabelSpace(names, tuple(range(len(names))))},
            value_range=options.value_range,
        )
        for index, file in enumerate(self.ids):
            path = self._mask_of(index)
            if not path.is_file():
                raise AnnotationError(f"{folder / str(file)} has no mask {path}", fix="add it, or remove the image")
            if image_size(path) != tuple(self.sizes[index]):
                height, width = self.sizes[index]
                theirs = image_size(path)
                raise AnnotationError(
                    f"{path} has {theirs[0]}×{theirs[1]} pixels, but its image {height}×{width}", fix="mend the mask"
                )
            if index < options.check:
                self._read(index)

    def annotations(self, index: int, needs: frozenset[str]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """The classes of an image's pixels."""
        return {"semantic": self._read(index)} if "semantic" in needs else {}, {}

    def _mask_of(self, index: int) -> Path:
        return (self._masks / str(self.ids[index])).with_suffix(".png")

    def _read(self, index: int) -> np.ndarray:
        """(H, W) uint8."""
        path = self._mask_of(index)
        try:
            with Image.open(path) as picture:
                values = np.array(picture)
        except (OSError, UnidentifiedImageError) as error:
            raise AnnotationError(f"{path} is not an image: {error}", fix="mend the mask") from None
        if values.ndim != 2:
            raise AnnotationError(f"{path} has colours, not classes", fix="save it paletted or grey")
        known = (values < len(self.label_spaces["semantic"])) | (values == self._ignore)
        if not known.all():
            raise AnnotationError(
                f"{path}: value {int(values[~known][0])} has no name; there are {len(self.label_spaces['semantic'])}",
                fix=f"add its name, or give such pixels the ignored value {self._ignore}",
            )
        return np.where(values == self._ignore, IGNORE, values).astype(np.uint8)


class VocSegmentationOptions(ImageOptions):
    """Options of `VocSegmentation`.

    Attributes:
        root: the folder of the year, such as ``VOC2012``.
        split: name of a list in ``ImageSets/Segmentation``, without ``.txt``.
        names: of the classes; by default VOC's, background first.
    """

    root: str
    split: str = "train"
    names: tuple[str, ...] = VOC_NAMES


class VocSegmentation(MaskFolder):
    """Pascal VOC's ``SegmentationClass`` as the map ``"semantic"``; its border of 255 is ignored."""

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
        text = path.read_text(encoding="utf-8")
        if path.suffix in (".yaml", ".yml", ".json"):
            names = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
            if not isinstance(names, list):
                raise ValueError("it holds no list")
        else:
            names = [line.strip() for line in text.splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError, ValueError, yaml.YAMLError) as error:
        raise DataError(f"the names of the classes, {path}, cannot be read: {error}", fix="a name a line") from None
    return tuple(map(str, names))


def _files(folder: Path, split: Path | None) -> list[str]:
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder", fix="check root and images in the config's dataset section")
    files = {p.stem: p.name for p in sorted(folder.iterdir()) if p.suffix.lower() in SUFFIXES}
    if split is None:
        return list(files.values())
    try:
        wanted = [line.strip() for line in split.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"the list of the split, {split}, cannot be read: {error}", fix="check split") from None
    if missing := [name for name in wanted if name not in files]:
        raise DataError(f"{split} names {missing[0]!r}, but {folder} has no such image", fix="mend the list")
    return [files[name] for name in wanted]
