"""Semantic segmentation's metrics, from one table of what was taken for what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from hub.contract.metric import Evaluation
from hub.contract.results import Result, SemanticMap
from hub.contract.targets import IGNORE
from hub.evaluation.checks import index_of, labels_of, mean_defined, of_kind
from hub.labels import LabelSpace

if TYPE_CHECKING:
    from hub.contract.dataset import Dataset


BOUNDARY = 0.02  # of the image's diagonal: how far from its edge a region's pixels count for boundary IoU


class SemanticMetric:
    """IoU, Dice, accuracy and boundary IoU of `hub.SemanticMap`, a `hub.Metric`.

    Counts are added up over all images before they are divided. A class that is neither in the annotations nor in
    the answers has NaN and is left out of the means. Classes are matched by name: a pixel of a class that the dataset
    lacks is wrong. Pixels annotated 255 do not count.

    Args:
        dataset: gives the map of each image as its file has it.
        labels: the label space of the results.
        name: of the map.

    Raises:
        DataError: the dataset has no such map.

    References: Everingham et al., The Pascal VOC Challenge, 2010; Cheng et al., Boundary IoU, 2021
    (https://arxiv.org/abs/2103.16562), its pixels added up as those of IoU.
    """

    def __init__(self, dataset: Dataset, labels: LabelSpace, name: str = "semantic") -> None:
        self.dataset, self.map = dataset, name
        self.classes = labels_of(dataset, name)
        self.images = {image: index for index, image in enumerate(dataset.ids)}
        count = len(self.classes)
        # Rows are the annotated classes, columns the answers; the last column is for classes the dataset lacks.
        self.confusion = np.zeros((count, count + 1), np.int64)
        self.edges = np.zeros((2, count), np.int64)  # intersection and union of the boundary regions
        self.seen: set[int | str] = set()
        to_class = np.asarray(labels.map_to(self.classes), np.int64)
        self._to_class = np.where(to_class < 0, count, to_class)

    def update(self, results: Sequence[Result]) -> None:
        """Take in the `hub.SemanticMap` of some images; an image that is given twice counts once.

        Raises:
            DataError: an image is not of this dataset.
            ContractError: a result is no `hub.SemanticMap`.
        """
        for result in results:
            index = index_of(result, self.images, self.dataset.name)
            if result.image_id not in self.seen:
                self._add(index, of_kind(result, SemanticMap))
                self.seen.add(result.image_id)

    def __getstate__(self) -> dict[str, Any]:
        """What another process needs to merge: the counts."""
        return {"confusion": self.confusion, "edges": self.edges, "seen": self.seen}

    def merge(self, others: Sequence[Self]) -> None:
        """Take in what metrics of other images of the same dataset gathered in other processes."""
        for other in others:
            self.confusion += other.confusion
            self.edges += other.edges
            self.seen |= other.seen

    def compute(self) -> Evaluation:
        """``mIoU`` (the main metric), ``mDice``, ``pixel_accuracy``, ``mean_accuracy``, ``boundary_mIoU``."""
        hit = np.diagonal(self.confusion).astype(float)
        annotated, answered = self.confusion.sum(1), self.confusion[:, :-1].sum(0)
        iou = _ratio(hit, annotated + answered - hit)
        dice = _ratio(2 * hit, annotated + answered)
        accuracy = _ratio(hit, annotated)
        edge = _ratio(self.edges[0], self.edges[1])
        return Evaluation(
            metrics={
                "mIoU": mean_defined(iou),
                "mDice": mean_defined(dice),
                "pixel_accuracy": float(_ratio(hit.sum(), annotated.sum())),
                "mean_accuracy": mean_defined(accuracy),
                "boundary_mIoU": mean_defined(edge),
            },
            main="mIoU",
            per_class={
                name: {"IoU": float(i), "Dice": float(d), "accuracy": float(a), "boundary_IoU": float(e)}
                for name, i, d, a, e in zip(self.classes.names, iou, dice, accuracy, edge, strict=True)
            },
        )

    def _add(self, index: int, result: SemanticMap) -> None:
        truth = self.dataset.load(index, frozenset({self.map})).maps[self.map]
        answer = self._to_class[result.classes.numpy()]
        if answer.shape != truth.shape:
            import cv2

            answer = cv2.resize(answer.astype(np.int32), truth.shape[::-1], interpolation=cv2.INTER_NEAREST)
        counted = truth != IGNORE
        columns = self.confusion.shape[1]
        pairs = truth[counted].astype(np.int64) * columns + answer[counted]
        self.confusion += np.bincount(pairs, minlength=self.confusion.size).reshape(self.confusion.shape)
        for k in np.union1d(np.unique(truth[counted]), np.unique(answer[counted])):
            if k < len(self.classes):
                mine, theirs = (boundary(plane == k) & counted for plane in (answer, truth))
                self.edges[:, k] += (mine & theirs).sum(), (mine | theirs).sum()


def boundary(region: np.ndarray) -> np.ndarray:
    """The pixels of a region that lie within 2 % of the image's diagonal of its edge.

    Args:
        region: (H, W) bool.

    Returns:
        (H, W) bool.

    >>> boundary(np.ones((5, 5), bool)).sum()
    np.int64(16)
    """
    import cv2

    height, width = region.shape
    reach = max(1, round(BOUNDARY * float(np.hypot(height, width))))
    padded = cv2.copyMakeBorder(region.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    inner = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=reach)[1:-1, 1:-1]
    return region & ~inner.astype(bool)


def _ratio(part: Any, whole: Any) -> Any:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(part, float) / np.where(np.asarray(whole) > 0, whole, np.nan)
