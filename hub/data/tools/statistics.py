"""Figures of a dataset: what people ask before they train on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from hub.contract.dataset import Dataset
from hub.contract.packed import PackedInstances
from hub.contract.targets import IGNORE, map_names, tag_names
from hub.data.annotations.boxes import BoxReport, check_boxes
from hub.labels import LabelSpace

SMALL, LARGE = 32**2, 96**2  # limits of COCO's sizes in square pixels (https://cocodataset.org/#detection-eval)

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Spread:
    """The least, the median and the greatest of some numbers; NaN where there are none."""

    least: float
    median: float
    most: float

    @classmethod
    def of(cls, values: np.ndarray) -> Spread:
        """The spread of an array.

        >>> Spread.of(np.array([1, 9, 2]))
        Spread(least=1.0, median=2.0, most=9.0)
        """
        if not len(values):
            return cls(np.nan, np.nan, np.nan)
        return cls(float(values.min()), float(np.median(values)), float(values.max()))


@dataclass(frozen=True)
class ObjectFigures:
    """Of the objects; crowd regions and unusable boxes are counted apart, and among nothing else.

    Attributes:
        total: objects to learn from.
        crowds: regions.
        empty: images without an object to learn from.
        per_image: objects in an image.
        small: of less than 32² pixels, by the annotated area.
        medium: in between.
        large: of 96² pixels and more.
        masked: objects with a mask.
        keypointed: objects with a labelled keypoint.
        report: on all boxes, crowds included.
        per_class: class → (objects, images that show one).
    """

    total: int
    crowds: int
    empty: int
    per_image: Spread
    small: int
    medium: int
    large: int
    masked: int
    keypointed: int
    report: BoxReport
    per_class: dict[str, tuple[int, int]]


@dataclass(frozen=True)
class Figures:
    """Of a dataset.

    Attributes:
        name: the dataset's.
        images: how many.
        widths: in pixels.
        heights: in pixels.
        objects: None where the dataset has none to give.
        maps: map → class → (pixels, images that show it); pixels to ignore are under None.
        tags: tag → class → images; images of which it is unknown are under None.
    """

    name: str
    images: int
    widths: Spread
    heights: Spread
    objects: ObjectFigures | None
    maps: dict[str, dict[str | None, tuple[int, int]]] = field(default_factory=dict)
    tags: dict[str, dict[str | None, int]] = field(default_factory=dict)


def count(dataset: Dataset, *, progress: Progress | None = None) -> Figures:
    """Count what there is; only maps are decoded for it, image by image.

    Args:
        dataset: any.
        progress: called with (images done, images in all) while maps or tags are read.

    Raises:
        DataError: a map that cannot be read.
    """
    spaces = dataset.label_spaces
    maps = {name: _Pixels(spaces[name]) for name in map_names(dataset) if name in spaces}
    tags = {name: _Images(spaces[name]) for name in tag_names(dataset) if name in spaces}
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
    return Figures(
        name=dataset.name,
        images=len(dataset),
        widths=Spread.of(dataset.sizes[:, 1]),
        heights=Spread.of(dataset.sizes[:, 0]),
        objects=None if dataset.instances is None else _objects(dataset, dataset.instances),
        maps={name: pixels.found() for name, pixels in maps.items()},
        tags={name: images.found() for name, images in tags.items()},
    )


def _objects(dataset: Dataset, packed: PackedInstances) -> ObjectFigures:
    owners = np.repeat(np.arange(len(dataset)), np.diff(packed.offsets))
    report = check_boxes(packed.boxes, dataset.sizes[owners])
    taught = report.usable & ~packed.crowd
    labels, area = packed.labels[taught], packed.area[taught]
    each = np.bincount(owners[taught], minlength=len(dataset))
    names = dataset.label_spaces["instances"].names
    shown = np.unique(np.stack([labels, owners[taught]]), axis=1)[0]  # a class once for each image
    counts, images = (np.bincount(of, minlength=len(names)).tolist() for of in (labels, shown))
    segments, keypoints = packed.segments, packed.keypoints
    return ObjectFigures(
        total=int(taught.sum()),
        crowds=int((report.usable & packed.crowd).sum()),
        empty=int((each == 0).sum()),
        per_image=Spread.of(each),
        small=int((area < SMALL).sum()),
        medium=int(((area >= SMALL) & (area < LARGE)).sum()),
        large=int((area >= LARGE).sum()),
        masked=0 if segments is None else int((np.diff(segments.offsets)[taught] > 0).sum()),
        keypointed=0 if keypoints is None else int((keypoints[taught][..., 2] > 0).any(1).sum()),
        report=report,
        per_class={name: (n, i) for name, n, i in zip(names, counts, images, strict=True)},
    )


class _Pixels:
    """Counts the pixels of a map's classes."""

    def __init__(self, labels: LabelSpace) -> None:
        self.names = labels.names
        self.pixels = np.zeros(max(len(labels), IGNORE) + 1, np.int64)
        self.images = np.zeros_like(self.pixels)

    def add(self, values: np.ndarray) -> None:
        if np.issubdtype(values.dtype, np.integer):
            pixels = np.bincount(values.ravel(), minlength=len(self.pixels))
            self.pixels += pixels[: len(self.pixels)]
            self.images += pixels[: len(self.pixels)] > 0

    def found(self) -> dict[str | None, tuple[int, int]]:
        found: dict[str | None, tuple[int, int]] = {
            name: (int(self.pixels[k]), int(self.images[k])) for k, name in enumerate(self.names)
        }
        if len(self.names) <= IGNORE and self.pixels[IGNORE]:
            found[None] = int(self.pixels[IGNORE]), int(self.images[IGNORE])
        return found


class _Images:
    """Counts the images of a tag's classes."""

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

    def found(self) -> dict[str | None, int]:
        found: dict[str | None, int] = dict(zip(self.names, self.images.tolist(), strict=True))
        if self.unknown:
            found[None] = self.unknown
        return found
