"""The segments that a dataset was annotated with: its own, or made of its masks and its semantic map."""

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
        segments: (H, W) integers, the id of each pixel's segment; 0 is void.
        ids: (S,) integers, each once.
        labels: (S,) indices into `classes_of` the dataset.
        crowd: (S,) bool, True for a region of many things that nobody told apart.
    """

    segments: np.ndarray
    ids: np.ndarray
    labels: np.ndarray
    crowd: np.ndarray


@runtime_checkable
class PanopticDataset(Protocol):
    """A `hub.data.Dataset` that has panoptic segments of its own."""

    def panoptic_truth(self, index: int) -> PanopticTruth:
        """The segments of the image ``index``, their labels into the label space ``"panoptic"``."""


def check_truth(dataset: Dataset) -> None:
    """Refuse a dataset without panoptic segments or what they can be made of.

    Raises:
        DataError: names what is missing.
    """
    if isinstance(dataset, PanopticDataset):
        return
    if missing := sorted(_NEEDED - dataset.provides):
        raise DataError(
            f"{dataset.name} has no {' and no '.join(missing)}, of which panoptic segments are made",
            fix="take data with masks of things and a semantic map, such as the format coco-panoptic",
        )


def classes_of(dataset: Dataset) -> LabelSpace:
    """The panoptic classes of a dataset: those it declares, otherwise its things and then its stuff."""
    spaces = dataset.label_spaces
    if "panoptic" in spaces:
        return spaces["panoptic"]
    return LabelSpace(tuple(dict.fromkeys((*spaces["instances"].names, *spaces["semantic"].names))))


def things_of(dataset: Dataset) -> np.ndarray:
    """Which of `classes_of` are things: those with objects; (C,) bool."""
    return np.array([name in dataset.label_spaces["instances"].names for name in classes_of(dataset).names], bool)


def truth_of(dataset: Dataset, index: int) -> PanopticTruth:
    """The annotated segments of an image.

    They are the dataset's own if it has a method ``panoptic_truth``. Otherwise each object is one, on top of stuff: a
    pixel of several belongs to the smallest, and to a crowd only if to nothing else. Each class of the semantic map
    that is no thing is one segment more. Pixels of a thing's class without an object are void.

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
    known = np.append(to_stuff, -1)  # void comes last
    stuff = known[np.where(sample.maps["semantic"] == IGNORE, -1, sample.maps["semantic"].astype(np.int64))]
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
    """(H, W) int64, the number from 1 of the object that each pixel belongs to, 0 where there is none."""
    assert instances.masks is not None
    masks = instances.masks
    out = np.zeros(masks.size, np.int64)
    for k in np.lexsort((-masks.areas, ~instances.crowd)):  # crowds first, then from the largest to the smallest
        out[masks.window(k)][masks.crops[k] > 0] = k + 1
    return out
