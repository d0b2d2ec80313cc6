"""Panoptic quality over a dataset."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from hub import Evaluation, LabelSpace, Result
from hub.data import Dataset
from hub.evaluation import expect_result, image_index, nan_mean
from hub_panoptic.quality import count_segments, qualities
from hub_panoptic.results import PanopticMap
from hub_panoptic.truth import check_truth, classes_of, things_of, truth_of

log = logging.getLogger("hub")


class PanopticMetric:
    """Compute PQ, SQ and RQ of `PanopticMap`, equal to COCO's panoptic evaluation.

    Matches are counted per class over all images, and the metrics of the classes are averaged: over all of them, over
    things and over stuff. A class that is neither annotated nor predicted is NaN and left out of the averages. Classes
    are matched by name.

    Args:
        dataset: provides the segments; see `hub_panoptic.truth.truth_of`.
        labels: the label space of the results.

    Raises:
        DataError: the dataset has neither segments nor the masks and maps to make them from.
    """

    def __init__(self, dataset: Dataset, labels: LabelSpace) -> None:
        check_truth(dataset)
        self.dataset = dataset
        self.labels = labels
        self.classes, self.things = classes_of(dataset), things_of(dataset)
        self.images = {image: index for index, image in enumerate(dataset.ids)}
        self.counts = np.zeros((4, len(self.classes)))
        self.seen: set[int | str] = set()
        self.unknown = 0
        self._to_class = np.asarray(labels.map_to(self.classes), np.int64)

    def update(self, results: Sequence[Result]) -> None:
        """Add the `PanopticMap` of some images; an image that is given twice counts once.

        Raises:
            DataError: an image is not in this dataset.
            ContractError: a result is not a `PanopticMap`.
        """
        for result in results:
            index = image_index(result, self.images, self.dataset.name)
            if result.image_id not in self.seen:
                self._add(index, expect_result(result, PanopticMap))
                self.seen.add(result.image_id)

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process needs for `merge`: the counts."""
        return {"counts": self.counts, "seen": self.seen, "unknown": self.unknown}

    def merge(self, others: Sequence[Self]) -> None:
        """Add what metrics of other images of the same dataset collected in other processes."""
        for other in others:
            self.counts += other.counts
            self.seen |= other.seen
            self.unknown += other.unknown

    def compute(self) -> Evaluation:
        """Return ``PQ`` (the main metric), ``SQ`` and ``RQ`` of all classes, of things and of stuff."""
        if self.unknown:
            log.warning("%s lacks the classes of %d predicted segments: ignored", self.dataset.name, self.unknown)
        found = dict(zip(("PQ", "SQ", "RQ"), qualities(self.counts), strict=True))
        groups = {"": np.ones(len(self.things), bool), "_things": self.things, "_stuff": ~self.things}
        return Evaluation(
            metrics={
                f"{name}{group}": nan_mean(values[chosen].tolist())
                for group, chosen in groups.items()
                for name, values in found.items()
            },
            main="PQ",
            per_class={
                label: {name: float(values[k]) for name, values in found.items()}
                for k, label in enumerate(self.classes.names)
            },
        )

    def _add(self, index: int, result: PanopticMap) -> None:
        truth = truth_of(self.dataset, index)
        segments = result.segments.numpy()
        if segments.shape != truth.segments.shape:
            import cv2

            segments = cv2.resize(segments, truth.segments.shape[::-1], interpolation=cv2.INTER_NEAREST)
        ids = np.array([segment.id for segment in result.segments_info], np.int64)
        labels = self._to_class[[segment.label for segment in result.segments_info]]
        self.unknown += int((labels < 0).sum())
        self.counts += count_segments(truth, segments, ids, labels, classes=len(self.classes))
