"""A folder of images for each class, as ImageNet and `torchvision.datasets.ImageFolder` use it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from hub.data.formats.image_options import ImageOptions
from hub.data.formats.listed import ListedDataset
from hub.errors import DataError, UnknownCategoryError, did_you_mean
from hub.images import SUFFIXES
from hub.labels import LabelSpace


class ImageFolderOptions(ImageOptions):
    """Options of `ImageFolder`.

    Attributes:
        root: folder of the dataset.
        split: folder in ``root`` with the folders of the classes; by default ``root`` itself.
        classes: names of the classes in order; by default all folders, sorted.
    """

    root: str
    split: str = "."
    classes: Annotated[tuple[str, ...], Field(min_length=1)] | None = None


class ImageFolder(ListedDataset):
    """The tag ``"class"``, an index: ``root/split/<class>/<image>``, at any depth below the class.

    Raises:
        DataError: there is no such folder, no class, or a class without images.
        UnknownCategoryError: a folder is not among ``classes``.
    """

    Options: ClassVar[type[ImageFolderOptions]] = ImageFolderOptions

    def __init__(self, options: ImageFolderOptions) -> None:
        folder = Path(options.root).expanduser() / options.split
        if not folder.is_dir():
            raise DataError(f"{folder} is not a folder", fix="check root and split in the config's dataset section")
        found = sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
        names = found if options.classes is None else list(options.classes)
        if not names:
            raise DataError(f"{folder} has no folders", fix="put the images of each class into a folder of its name")
        if unknown := sorted(set(found) - set(names)):
            raise UnknownCategoryError(
                f"the folder {folder / unknown[0]} is not among the classes.{did_you_mean(unknown[0], names)}",
                fix="add it to classes in the config's dataset section, or remove it",
            )
        files, labels = [], []
        for index, name in enumerate(names):
            own = sorted(
                p for p in (folder / name).rglob("*") if p.suffix.lower() in SUFFIXES and not p.name.startswith(".")
            )
            if not own:
                raise DataError(f"{folder / name} has no images of class {name!r}", fix="add some, or remove the class")
            files += [p.relative_to(folder).as_posix() for p in own]
            labels += [index] * len(own)
        super().__init__(
            name=str(folder),
            folder=folder,
            files=files,
            label_spaces={"class": LabelSpace(tuple(names))},
            value_range=options.value_range,
        )
        self.labels = np.array(labels, np.int64)

    def annotations(self, index: int, needs: frozenset[str]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Return the class of an image."""
        return {}, {"class": self.labels[index, ...]} if "class" in needs else {}
