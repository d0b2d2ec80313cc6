"""The annotated segments of a dataset: its own, or made from its masks and its semantic map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from hub import LabelSpace
from hub.contract import IGNORE
from hub.data import Dataset, Instances
from hub.errors import DataError

_NEEDED = frozenset({"masks", "semantic"})


@dataclass(frozen=True)
class PanopticTruth:
    """The annotated segments of one image.

    Attributes:
        segments: (H, W) integers, the id of each pixel's segment, 0 for void.
        ids: (S,) integers without duplicates.
        labels: (S,) indices into the dataset's `classes_of`.
        crowd: (S,) bool, True for a region of several things that are not separated.
    """

    segments: np.ndarray
    ids: np.ndarray
    labels: np.ndarray
    crowd: np.ndarray


@runtime_checkable
class PanopticDataset(Protocol):
    """A `hub.data.Dataset` with its own panoptic segments."""

    def panoptic_truth(self, index: int) -> PanopticTruth:
        """Return the segments of the image ``index``, with labels of the label space ``"panoptic"``."""


def check_truth(dataset: Dataset) -> None:
    """Refuse a dataset with neither panoptic segments nor the masks and the map to make them from.

    Raises:
        DataError: names what is missing.
    """
    if isinstance(dataset, PanopticDataset):
        return
    if missing := sorted(_NEEDED - dataset.provides):
        raise DataError(
            f"{dataset.name} has no {' and no '.join(missing)}, which panoptic segments are made from",
            fix="use a dataset with masks of things and a semantic map, such as the format coco-panoptic",
        )


def classes_of(dataset: Dataset) -> LabelSpace:
    """Return the panoptic classes of a dataset: those it declares, otherwise its things, then its stuff."""
    spaces = dataset.label_spaces
    if "panoptic" in spaces:
        return spaces["panoptic"]
    return LabelSpace(tuple(dict.fromkeys((*spaces["instances"].names, *spaces["semantic"].names))))


def things_of(dataset: Dataset) -> np.ndarray:
    """Return which of `classes_of` are things: (C,) bool."""
    return np.array([name in dataset.label_spaces["instances"].names for name in classes_of(dataset).names], bool)


def truth_of(dataset: Dataset, index: int) -> PanopticTruth:
    """Return the annotated segments of an image.

    They are the dataset's own if it has a method ``panoptic_truth``. Otherwise each object is a segment in front of
    stuff: a pixel of several objects belongs to the smallest, and to a crowd only if no other object covers it. Each
    class of the semantic map that is not a thing is one more segment. Pixels of a thing's class that no object covers
    are void.

    Raises:
        DataError: the image or its annotations cannot be read.
    """
    if isinstance(dataset, PanopticDataset):
        return dataset.panoptic_truth(index)
    sample = dataset.load(index, _NEEDED)
    assert sample.instances is not None
    labels = classes_of(dataset)
    to_thing, to_stuff = (np.array(dataset.label_spaces[name].map_to(labels)) for name in ("instances", "semantic"))
    to_stuff[[name in dataset.label_spaces["instances"].names for name in dataset.label_spaces["semantic"].names]] = -1
    things = _stacked(sample.instances)
    to_stuff = np.append(to_stuff, -1)  # void comes last
    stuff = to_stuff[np.where(sample.maps["semantic"] == IGNORE, -1, sample.maps["semantic"].astype(np.int64))]
    kinds = np.unique(stuff[(stuff >= 0) & (things == 0)])
    first = len(sample.instances) + 1
    numbers = np.zeros(len(labels) + 1, np.int64)
    numbers[kinds] = np.arange(first, first + len(kinds))
    segments = np.where(things > 0, things, numbers[stuff])
    seen = np.flatnonzero(np.bincount(things.ravel(), minlength=first)[1:])
    seen = seen[to_thing[sample.instances.labels[seen]] >= 0]
    return PanopticTruth(
        segments=segments,
        ids=np.concatenate([seen + 1, numbers[kinds]]),
        labels=np.concatenate([to_thing[sample.instances.labels[seen]], kinds]),
        crowd=np.concatenate([sample.instances.crowd[seen], np.zeros(len(kinds), bool)]),
    )


def _stacked(instances: Instances) -> np.ndarray:
    """Return (H, W) int64, the number from 1 of the object that each pixel belongs to, 0 for none."""
    assert instances.masks is not None
    masks = instances.masks
    out = np.zeros(masks.size, np.int64)
    masks.paint(out, np.arange(1, len(masks) + 1), instances.back_to_front())
    return out
