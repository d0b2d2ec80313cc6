"""Base of the formats without boxes: images with maps or tags."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from hub.contract.dataset import Dataset
from hub.contract.sample import Sample
from hub.data.formats.image_options import dataset_pixels
from hub.errors import DataError, ImageError
from hub.image_size import image_size
from hub.images import read_image
from hub.labels import LabelSpace
from hub.pixel_format import ValueRange


class ListedDataset(Dataset):
    """A list of images; a format implements `annotations`.

    Args:
        name: name for messages.
        folder: folder of the images.
        files: their names relative to ``folder``, which are also their ids.
        label_spaces: map or tag → its labels, for everything that the dataset provides.
        value_range: the pixel values that mean 0 and 1; see `ImageOptions`.

    Raises:
        DataError: there is no image, or a list of classes is empty.
        ImageError: a file is missing or not an image.
    """

    def __init__(
        self,
        *,
        name: str,
        folder: Path,
        files: Sequence[str],
        label_spaces: Mapping[str, LabelSpace],
        value_range: ValueRange | None = None,
    ) -> None:
        if not files:
            raise DataError(f"{name} has no images", fix="check root and the other folders in the dataset section")
        for target, labels in label_spaces.items():
            if not len(labels):
                raise DataError(f"{name} has no classes for {target!r}", fix="name at least one class")
        self.name = name
        self.folder = folder
        self.ids = list(files)
        self.sizes = np.array([image_size(folder / file) for file in files], np.int64).reshape(-1, 2)
        self.pixels = dataset_pixels(folder / files[0], value_range)
        self.label_spaces = dict(label_spaces)
        self.provides = frozenset(label_spaces)

    def path(self, index: int) -> Path:
        """Return the file of an image."""
        return self.folder / str(self.ids[index])

    @abstractmethod
    def annotations(self, index: int, needs: frozenset[str]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Return the needed maps (H, W) and tags of an image."""

    def tags(self, index: int, needs: frozenset[str]) -> dict[str, np.ndarray]:
        """Return the tags of an image, without decoding it."""
        return self.annotations(index, needs)[1]

    def load(self, index: int, needs: frozenset[str], *, in_chans: int = 3) -> Sample:
        """Decode an image with the needed annotations; see `hub.data.Dataset.load`."""
        path = self.path(index)
        image = read_image(path, in_chans=in_chans, pixels=self.pixels)
        size = (int(self.sizes[index, 0]), int(self.sizes[index, 1]))
        if image.shape[:2] != size:
            raise ImageError(f"the size of {path} changed from {size} to {image.shape[:2]}", fix="start again")
        maps, tags = self.annotations(index, needs)
        return Sample(image=image, id=self.ids[index], path=path, original_size=size, maps=maps, tags=tags)
