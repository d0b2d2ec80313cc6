"""Metrics of semantic segmentation, computed from one confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from hub.contract.metric import Evaluation
from hub.contract.results import Result, SemanticMap
from hub.contract.targets import IGNORE
from hub.evaluation.checks import expect_result, image_index, nan_mean, target_labels
from hub.labels import LabelSpace

if TYPE_CHECKING:
    from hub.contract.dataset import Dataset


BOUNDARY = 0.02  # width of the boundary region of boundary IoU, as a fraction of the image diagonal


class SemanticMetric:
    """IoU, Dice, accuracy and boundary IoU of `hub.SemanticMap`, a `hub.Metric`.

    Pixels are counted over all images before dividing. A class that occurs neither in the annotations nor in the
    predictions is NaN and left out of the means. Classes are matched by name: a predicted class that the dataset
    lacks is always wrong. Pixels annotated as 255 do not count.

    Args:
        dataset: has the map of each image, at the size of its file.
        labels: the label space of the results.
        name: name of the map.

    Raises:
        DataError: the dataset has no such map.

    References: Everingham et al., The Pascal VOC Challenge, 2010; Cheng et al., Boundary IoU, 2021
    (https://arxiv.org/abs/2103.16562), here with pixels counted over all images.
    """

    def __init__(self, dataset: Dataset, labels: LabelSpace, name: str = "semantic") -> None:
        self.dataset, self.map = dataset, name
        self.classes = target_labels(dataset, name)
        self.images = {image: index for index, image in enumerate(dataset.ids)}
        count = len(self.classes)
        # Rows are the annotated classes, columns the predictions; the last column is for classes the dataset lacks.
        self.confusion = np.zeros((count, count + 1), np.int64)
        self.edges = np.zeros((2, count), np.int64)  # intersection and union of the boundary regions
        self.seen: set[int | str] = set()
        to_class = np.asarray(labels.map_to(self.classes), np.int64)
        self._to_class = np.where(to_class < 0, count, to_class)

    def update(self, results: Sequence[Result]) -> None:
        """Add the `hub.SemanticMap` of some images; an image that is given twice counts once.

        Raises:
            DataError: an image does not belong to this dataset.
            ContractError: a result is not a `hub.SemanticMap`.
        """
        for result in results:
            index = image_index(result, self.images, self.dataset.name)
            if result.image_id not in self.seen:
                self._add(index, expect_result(result, SemanticMap))
                self.seen.add(result.image_id)

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process needs to merge: the counts."""
        return {"confusion": self.confusion, "edges": self.edges, "seen": self.seen}

    def merge(self, others: Sequence[Self]) -> None:
        """Add what metrics of the same dataset counted on other images in other processes."""
        for other in others:
            self.confusion += other.confusion
            self.edges += other.edges
            self.seen |= other.seen

    def compute(self) -> Evaluation:
        """Return ``mIoU`` (the main metric), ``mDice``, ``pixel_accuracy``, ``mean_accuracy``, ``boundary_mIoU``."""
        correct = np.diagonal(self.confusion).astype(float)
        annotated, predicted = self.confusion.sum(1), self.confusion[:, :-1].sum(0)
        iou = _ratio(correct, annotated + predicted - correct)
        dice = _ratio(2 * correct, annotated + predicted)
        accuracy = _ratio(correct, annotated)
        edge = _ratio(self.edges[0], self.edges[1])
        return Evaluation(
            metrics={
                "mIoU": nan_mean(iou),
                "mDice": nan_mean(dice),
                "pixel_accuracy": float(_ratio(correct.sum(), annotated.sum())),
                "mean_accuracy": nan_mean(accuracy),
                "boundary_mIoU": nan_mean(edge),
            },
            main="mIoU",
            per_class={
                name: {"IoU": float(i), "Dice": float(d), "accuracy": float(a), "boundary_IoU": float(e)}
                for name, i, d, a, e in zip(self.classes.names, iou, dice, accuracy, edge, strict=True)
            },
        )

    def _add(self, index: int, result: SemanticMap) -> None:
        truth = self.dataset.load(index, frozenset({self.map})).maps[self.map]
        predicted = self._to_class[result.classes.numpy()]
        if predicted.shape != truth.shape:
            import cv2

            predicted = cv2.resize(predicted.astype(np.int32), truth.shape[::-1], interpolation=cv2.INTER_NEAREST)
        counted = truth != IGNORE
        columns = self.confusion.shape[1]
        pairs = truth[counted].astype(np.int64) * columns + predicted[counted]
        self.confusion += np.bincount(pairs, minlength=self.confusion.size).reshape(self.confusion.shape)
        for k in np.union1d(np.unique(truth[counted]), np.unique(predicted[counted])):
            if k < len(self.classes):
                mine, theirs = (boundary(plane == k) & counted for plane in (predicted, truth))
                self.edges[:, k] += (mine & theirs).sum(), (mine | theirs).sum()


def boundary(region: np.ndarray) -> np.ndarray:
    """Return the pixels of a region whose distance to its edge is at most 2 % of the image diagonal.

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
    edge: np.ndarray = region & ~inner.astype(bool)
    return edge


def _ratio(part: np.ndarray, total: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio: np.ndarray = np.asarray(part, float) / np.where(np.asarray(total) > 0, total, np.nan)
    return ratio
