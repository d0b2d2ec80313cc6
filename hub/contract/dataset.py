"""The contract of a dataset: what every data format implements, and all that the hub uses of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from hub.contract.fields import FieldSpec
from hub.contract.metric import Metric
from hub.contract.options import Options
from hub.contract.packed import PackedInstances
from hub.contract.sample import Sample
from hub.labels import LabelSpace
from hub.pixel_format import PixelFormat


class Dataset(ABC):
    """A set of annotated images.

    A format is a subclass, registered through ``backbone_hub.datasets.v1``. It is built with its validated options
    and keeps its annotations in packed arrays, so that worker processes share them instead of copying.

    Attributes:
        Options: the options of the format, a subclass of `hub.Options`; ``root`` is always one of them.
        name: for messages, usually the annotation file's path.
        label_spaces: ``"instances"``, or the name of a map or a tag → its labels.
        provides: ``"boxes"``, ``"masks"``, ``"keypoints"`` and names of fields, maps and tags: what `load` can return.
        ids: the images' ids, in the order of the dataset.
        sizes: (len, 2) int64, height and width in pixels of every image, without decoding it.
        instances: the objects of all images as annotated, packed; None where the dataset has no objects.
        reader: how `hub predict` turns files into images like these, ``{"name": …, option: …}`` of a registered
            `hub.ReaderSpec`; None where image files are enough. Checkpoints keep it.
        pixels: dtype and value range of every image that `load` returns; uint8 of 0 to 255 unless the format sets
            it. A model is created for the pixels of its training data, and keeps them.
    """

    Options: ClassVar[type[Options]]

    name: str
    label_spaces: Mapping[str, LabelSpace]
    provides: frozenset[str]
    ids: list[int | str]
    sizes: np.ndarray
    instances: PackedInstances | None = None
    reader: Mapping[str, object] | None = None
    pixels: PixelFormat = PixelFormat()

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def fields(self) -> Mapping[str, FieldSpec]:
        """The fields that objects have beyond boxes, labels, masks and keypoints, declared in `instances`."""
        return {} if self.instances is None else {n: values.spec for n, values in self.instances.fields.items()}

    @abstractmethod
    def load(self, index: int, needs: frozenset[str], *, in_chans: int = 3) -> Sample:
        """Decode the image ``index`` with only the annotations that are needed.

        Args:
            index: position in `ids`.
            needs: what the heads learn from; a subset of `provides`.
            in_chans: channels to decode; see `hub.images.read_image`.

        Raises:
            ImageError: the file is missing, corrupt, or of another size than annotated.
        """

    def tags(self, index: int, needs: frozenset[str]) -> Mapping[str, np.ndarray]:
        """Return the tags of the image ``index`` alone, as metrics read them.

        A format that keeps its tags in memory overrides this, so that scoring decodes no image a second time.
        """
        return self.load(index, needs).tags

    def path(self, index: int) -> Path:
        """Return the file of the image ``index``; the slices of a volume share one.

        A format that keeps a list of its files overrides this, so that nothing is decoded.
        """
        return self.load(index, frozenset()).path

    def metric(self, labels_from: str | None, labels: LabelSpace) -> Metric | None:
        """Return a metric that replaces the head's metric on this dataset; None keeps the metric of the head.

        A format whose images belong together, such as the slices of a volume, overrides this to score them together.

        Args:
            labels_from: the label space that the head predicts; see `hub.Head`.
            labels: labels of the head.
        """
        return None
