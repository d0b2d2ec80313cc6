"""The objects of an image for writers: usable objects with boxes inside the image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hub.contract.dataset import Dataset
from hub.contract.packed import PackedInstances
from hub.data.annotations.boxes import check_boxes
from hub.data.writers.output import Output


@dataclass(frozen=True)
class Objects:
    """The objects of one image.

    Attributes:
        rows: (N,) rows in the packed instances of the dataset.
        boxes: (N, 4) float64, x1 y1 x2 y2 in pixels, inside the image.
        labels: (N,) indices into the labels of the dataset.
        crowd: (N,) bool.
    """

    rows: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    crowd: np.ndarray


def packed(dataset: Dataset) -> PackedInstances:
    """Return the packed objects of a dataset that provides boxes."""
    assert dataset.instances is not None, f"{dataset.name} provides boxes, but has no instances"
    return dataset.instances


def objects_of(dataset: Dataset, index: int) -> Objects:
    """Return the usable objects of an image, with boxes clipped to it."""
    all_ = packed(dataset)
    span = all_.of_image(index)
    rows = np.arange(span.start, span.stop)[all_.usable[span]]
    boxes = np.clip(all_.boxes[rows], 0, dataset.sizes[index][[1, 0, 1, 0]])
    return Objects(rows, boxes, all_.labels[rows], all_.crowd[rows])


def count_boxes(splits: Mapping[str, Dataset], output: Output) -> None:
    """Count the boxes that `objects_of` leaves out or clips."""
    for dataset in splits.values():
        all_ = packed(dataset)
        owners = np.repeat(np.arange(len(dataset)), np.diff(all_.offsets))
        report = check_boxes(all_.boxes, dataset.sizes[owners])
        for count, what in (
            (report.zero_area, "boxes without area"),
            (report.outside, "boxes outside their image"),
            (report.not_finite, "boxes with coordinates that are not finite"),
        ):
            output.lost[what] += count
        output.changed["boxes clipped to their image"] += report.partly_outside
