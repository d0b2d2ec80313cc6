"""Statistics of a dataset: sizes of images and objects, and counts of classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from hub.contract.dataset import Dataset
from hub.contract.packed import PackedInstances
from hub.contract.targets import IGNORE, map_names, tag_names
from hub.data.annotations.boxes import BoxReport, check_boxes
from hub.labels import LabelSpace

SMALL, LARGE = 32**2, 96**2  # COCO's area ranges in square pixels (https://cocodataset.org/#detection-eval)

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Range:
    """Minimum, median and maximum of some numbers; NaN for an empty array."""

    minimum: float
    median: float
    maximum: float

    @classmethod
    def of(cls, values: np.ndarray) -> Range:
        """Return the range of an array.

        >>> Range.of(np.array([1, 9, 2]))
        Range(minimum=1.0, median=2.0, maximum=9.0)
        """
        if not len(values):
            return cls(np.nan, np.nan, np.nan)
        return cls(float(values.min()), float(np.median(values)), float(values.max()))


@dataclass(frozen=True)
class ObjectStatistics:
    """Statistics of the objects of a dataset. Crowd regions and unusable boxes count only as such.

    Attributes:
        total: number of objects to learn from.
        crowds: number of crowd regions.
        images_without: number of images without an object to learn from.
        per_image: objects per image.
        small: objects with an annotated area below 32² pixels.
        medium: objects in between.
        large: objects with an annotated area of 96² pixels or more.
        with_mask: objects with a mask.
        with_keypoints: objects with a labeled keypoint.
        report: on all boxes, crowds included.
        per_class: class → (objects, images that show one).
    """

    total: int
    crowds: int
    images_without: int
    per_image: Range
    small: int
    medium: int
    large: int
    with_mask: int
    with_keypoints: int
    report: BoxReport
    per_class: dict[str, tuple[int, int]]


@dataclass(frozen=True)
class DatasetStatistics:
    """Statistics of a dataset.

    Attributes:
        name: name of the dataset.
        images: number of images.
        widths: image widths in pixels.
        heights: image heights in pixels.
        objects: statistics of the objects, or None if the dataset provides none.
        maps: map → class → (pixels, images that show it); the key None counts ignored pixels.
        tags: tag → class → images; the key None counts images with unknown labels.
    """

    name: str
    images: int
    widths: Range
    heights: Range
    objects: ObjectStatistics | None
    maps: dict[str, dict[str | None, tuple[int, int]]] = field(default_factory=dict)
    tags: dict[str, dict[str | None, int]] = field(default_factory=dict)


def dataset_statistics(dataset: Dataset, *, progress: Progress | None = None) -> DatasetStatistics:
    """Compute the statistics of a dataset; only maps are decoded, image by image.

    Args:
        dataset: any dataset.
        progress: called with (images done, total images) while maps or tags are read.

    Raises:
        DataError: a map cannot be read.
    """
    spaces = dataset.label_spaces
    maps = {name: _PixelCounts(spaces[name]) for name in map_names(dataset) if name in spaces}
    tags = {name: _ImageCounts(spaces[name]) for name in tag_names(dataset) if name in spaces}
    for index in range(len(dataset)) if maps or tags else ():
        if maps:
            sample = dataset.load(index, frozenset(maps) | frozenset(tags))
            for name, pixels in maps.items():
                pixels.add(sample.maps[name])
        values = sample.tags if maps else dataset.tags(index, frozenset(tags))
        for name, images in tags.items():
            images.add(values[name])
        if progress is not None:
            progress(index + 1, len(dataset))
    return DatasetStatistics(
        name=dataset.name,
        images=len(dataset),
        widths=Range.of(dataset.sizes[:, 1]),
        heights=Range.of(dataset.sizes[:, 0]),
        objects=None if dataset.instances is None else _objects(dataset, dataset.instances),
        maps={name: pixels.counts() for name, pixels in maps.items()},
        tags={name: images.counts() for name, images in tags.items()},
    )


def _objects(dataset: Dataset, packed: PackedInstances) -> ObjectStatistics:
    owners = np.repeat(np.arange(len(dataset)), np.diff(packed.offsets))
    report = check_boxes(packed.boxes, dataset.sizes[owners])
    trainable = report.usable & ~packed.crowd
    labels, area = packed.labels[trainable], packed.area[trainable]
    per_image = np.bincount(owners[trainable], minlength=len(dataset))
    names = dataset.label_spaces["instances"].names
    shown = np.unique(np.stack([labels, owners[trainable]]), axis=1)[0]  # each class once per image
    counts, images = (np.bincount(values, minlength=len(names)).tolist() for values in (labels, shown))
    segments, keypoints = packed.segments, packed.keypoints
    return ObjectStatistics(
        total=int(trainable.sum()),
        crowds=int((report.usable & packed.crowd).sum()),
        images_without=int((per_image == 0).sum()),
        per_image=Range.of(per_image),
        small=int((area < SMALL).sum()),
        medium=int(((area >= SMALL) & (area < LARGE)).sum()),
        large=int((area >= LARGE).sum()),
        with_mask=0 if segments is None else int((np.diff(segments.offsets)[trainable] > 0).sum()),
        with_keypoints=0 if keypoints is None else int((keypoints[trainable][..., 2] > 0).any(1).sum()),
        report=report,
        per_class={name: (n, i) for name, n, i in zip(names, counts, images, strict=True)},
    )


class _PixelCounts:
    """Counts the pixels of each class of a map."""

    def __init__(self, labels: LabelSpace) -> None:
        self.names = labels.names
        self.pixels = np.zeros(max(len(labels), IGNORE) + 1, np.int64)
        self.images = np.zeros_like(self.pixels)

    def add(self, values: np.ndarray) -> None:
        if np.issubdtype(values.dtype, np.integer):
            pixels = np.bincount(values.ravel(), minlength=len(self.pixels))
            self.pixels += pixels[: len(self.pixels)]
            self.images += pixels[: len(self.pixels)] > 0

    def counts(self) -> dict[str | None, tuple[int, int]]:
        counts: dict[str | None, tuple[int, int]] = {
            name: (int(self.pixels[k]), int(self.images[k])) for k, name in enumerate(self.names)
        }
        if len(self.names) <= IGNORE and self.pixels[IGNORE]:
            counts[None] = int(self.pixels[IGNORE]), int(self.images[IGNORE])
        return counts


class _ImageCounts:
    """Counts the images of each class of a tag."""

    def __init__(self, labels: LabelSpace) -> None:
        self.names = labels.names
        self.images = np.zeros(len(labels), np.int64)
        self.unknown = 0

    def add(self, value: np.ndarray) -> None:
        if np.issubdtype(value.dtype, np.integer):
            known = (value >= 0) & (value < len(self.names))
            self.images[np.unique(value[known])] += 1
            self.unknown += not known.all()
        else:
            self.images += (value > 0.5).reshape(-1, len(self.names)).any(0)
            self.unknown += bool(np.isnan(value).any())

    def counts(self) -> dict[str | None, int]:
        counts: dict[str | None, int] = dict(zip(self.names, self.images.tolist(), strict=True))
        if self.unknown:
            counts[None] = self.unknown
        return counts
