"""The contract of a writer: what it gets, and where it reports what was kept, changed and lost."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import numpy as np

from hub.contract.dataset import Dataset
from hub.errors import DataError, ImageError
from hub.image_size import image_size
from hub.images import SUFFIXES

Progress = Callable[[int, int], None]


class Output:
    """The output folder of a conversion, with helpers and counters for a writer.

    Args:
        folder: an existing empty folder, which is renamed when everything is written.
        format: the registered name of the format, for messages.
        link: hard-link images if the file system supports it; otherwise they are copied.
        only: annotations to convert; None converts all that the datasets provide.
        total: total number of images, for ``progress``.
        progress: called with (images done, total images) after each image.

    Attributes:
        kept: what was written unchanged → count: ``"images"``, and the names in `Dataset.provides`.
        changed: what was changed → count.
        lost: what was left out, and why → count.
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
        """Return the annotations of a dataset to convert."""
        return dataset.provides if self.only is None else dataset.provides & self.only

    def require(self, splits: Mapping[str, Dataset], kind: str, why: str) -> None:
        """Reject datasets without the annotations that the format requires.

        Args:
            splits: name of the split → its dataset.
            kind: the required kind of annotation.
            why: the reason, for the message.

        Raises:
            DataError: a dataset does not provide them.
        """
        for dataset in splits.values():
            if kind not in self.provides(dataset):
                given = ", ".join(sorted(self.provides(dataset))) or "only images"
                raise DataError(
                    f"{dataset.name} has {given}, which cannot be written as {self.format}: {why}",
                    fix="choose a format that supports the annotations of the data",
                )

    def image(self, dataset: Dataset, index: int, place: str) -> str:
        """Add an image to the folder.

        The file is linked or copied if the annotations match it. Slices of a volume, and files whose EXIF orientation
        the annotations ignore, are decoded and written as PNG.

        Args:
            dataset: dataset of the image.
            index: index of the image.
            place: target path relative to `folder`, without a suffix.

        Returns:
            The target path with its suffix.

        Raises:
            ImageError: the file is missing or not an image.
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
            except OSError:  # another file system, or one without hard links
                pass
        shutil.copyfile(source, target)


class Writer(Protocol):
    """The function that ``writer`` of a `hub.DatasetSpec` refers to: it writes datasets in its format."""

    def __call__(self, splits: Mapping[str, Dataset], output: Output) -> Mapping[str, Mapping[str, object]]:
        """Write all splits.

        Args:
            splits: name of the split → its dataset; their label spaces may differ.
            output: the folder, and the counters for what is kept, changed and lost.

        Returns:
            Name of the split → the options besides ``root`` that open it again. The hub opens it with them and
            compares the counts.

        Raises:
            DataError: the format cannot represent these data correctly.
        """


def _write_png(path: Path, image: np.ndarray, source: Path) -> None:
    from PIL import Image

    if image.shape[2] not in (1, 3):
        raise ImageError(f"{source} has {image.shape[2]} channels, but PNG supports 1 or 3", fix="reduce the channels")
    Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image).save(path)
