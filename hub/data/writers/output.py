"""The contract of a writer: what it is given, and where it says what became of the data."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from hub.contract.dataset import Dataset
from hub.errors import DataError, ImageError
from hub.image_size import image_size
from hub.images import SUFFIXES

Progress = Callable[[int, int], None]


class Output:
    """The folder to fill, with what a writer needs to fill it and to account for it.

    Args:
        folder: exists and is empty; it gets its final name when all is written.
        format: the name that the format is registered under, for messages.
        link: hard-link images where the file system can; otherwise they are copied.
        only: the annotations to take, of what the datasets provide; None takes all.
        total: images to come, for ``progress``.
        progress: called with (images done, images in all) after each image.

    Attributes:
        kept: what was written → how many: ``"images"``, and the names in `Dataset.provides`.
        changed: what is there, but not as it was → how many.
        lost: what was left out, and why → how many.
    """

    def __init__(
        self,
        folder: Path,
        *,
        format: str,
        link: bool = True,
        only: frozenset[str] | None = None,
        total: int = 0,
        progress: Progress | None = None,
    ) -> None:
        self.folder = folder
        self.format = format
        self.link = link
        self.only = only
        self.total = total
        self.progress = progress
        self.kept: Counter[str] = Counter()
        self.changed: Counter[str] = Counter()
        self.lost: Counter[str] = Counter()

    def provides(self, dataset: Dataset) -> frozenset[str]:
        """What to take of a dataset."""
        return dataset.provides if self.only is None else dataset.provides & self.only

    def require(self, splits: Mapping[str, Dataset], kind: str, why: str) -> None:
        """Refuse datasets without what the format cannot do without.

        Raises:
            DataError: names the dataset, and ``why`` nothing else will do.
        """
        for dataset in splits.values():
            if kind not in self.provides(dataset):
                given = ", ".join(sorted(self.provides(dataset))) or "images alone"
                raise DataError(
                    f"{dataset.name} gives {given}, which cannot be written as {self.format}: {why}",
                    fix="choose a format for what the data have",
                )

    def image(self, dataset: Dataset, index: int, place: str) -> str:
        """Put an image into the folder.

        The file itself is linked or copied where it is what the annotations were made on. Slices of a volume, and
        files whose EXIF orientation the annotations do not follow, are decoded and written as PNG.

        Args:
            dataset: it comes from.
            index: position in it.
            place: where to, relative to `folder`, without a suffix.

        Returns:
            The place with its suffix.

        Raises:
            ImageError: the file is missing or no image.
        """
        source = dataset.path(index)
        suffix = source.suffix.lower()
        whole = suffix in SUFFIXES and image_size(source) == tuple(dataset.sizes[index].tolist())
        target = self.folder / f"{place}{source.suffix if whole else '.png'}"
        target.parent.mkdir(parents=True, exist_ok=True)
        if whole:
            self._place(source, target)
        else:
            _write_png(target, dataset.load(index, frozenset()).image, source)
        self.kept["images"] += 1
        if self.progress is not None:
            self.progress(self.kept["images"], self.total)
        return target.relative_to(self.folder).as_posix()

    def _place(self, source: Path, target: Path) -> None:
        if self.link:
            try:
                os.link(source.resolve(), target)
                return
            except OSError:  # another file system, or one without links
                pass
        shutil.copyfile(source, target)


class Writer(Protocol):
    """What ``writer`` of a `hub.DatasetSpec` names: a function that writes datasets in its format."""

    def __call__(self, splits: Mapping[str, Dataset], output: Output) -> Mapping[str, Mapping[str, Any]]:
        """Write all splits.

        Args:
            splits: name of the split → its dataset; their label spaces may differ.
            output: where to, and where to count what is kept, changed and lost.

        Returns:
            Name of the split → the options besides ``root`` that open it again. It is opened so, and counted, before
            the user sees it.

        Raises:
            DataError: the format cannot hold these data without spoiling them; names what and why.
        """


def _write_png(path: Path, image: np.ndarray, source: Path) -> None:
    from PIL import Image

    if image.shape[2] not in (1, 3):
        raise ImageError(f"{source} has {image.shape[2]} channels, which PNG cannot hold", fix="choose 1 or 3 of them")
    Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image).save(path)
