"""Figures of classification, single- and multi-label, on torchmetrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from torch import Tensor

from hub.contract.metric import Evaluation
from hub.contract.results import Classification, Result
from hub.evaluation.checks import index_of, labels_of, mean_defined, of_kind
from hub.labels import LabelSpace

if TYPE_CHECKING:
    from hub.contract.dataset import Dataset

NAN = float("nan")
BINS = 15  # of the calibration error (Guo et al. 2017, https://arxiv.org/abs/1706.04599)


class _ScoreMetric:
    """Gathers the scores of every image, in the dataset's classes, and its annotation.

    Args:
        dataset: gives the annotations.
        labels: the label space of the results.
        name: of the tag.

    Raises:
        DataError: the dataset has no such tag.
    """

    def __init__(self, dataset: Dataset, labels: LabelSpace, *, name: str) -> None:
        self.dataset, self.tag = dataset, name
        self.classes = labels_of(dataset, name)
        self.images = {image: index for index, image in enumerate(dataset.ids)}
        self.from_label = np.asarray(self.classes.map_to(labels), np.int64)
        self.found: dict[int | str, tuple[np.ndarray, np.ndarray]] = {}

    def update(self, results: Sequence[Result]) -> None:
        """Take in the `hub.Classification` of some images; one that is given twice counts once.

        Raises:
            DataError: an image is not of this dataset.
            ContractError: a result is no `hub.Classification`.
        """
        for result in results:
            index = index_of(result, self.images, self.dataset.name)
            if result.image_id in self.found:
                continue
            scores = of_kind(result, Classification).scores.numpy()
            own = np.where(self.from_label >= 0, scores[self.from_label], 0.0).astype(np.float32)
            truth = self.dataset.tags(index, frozenset({self.tag}))[self.tag]
            self.found[result.image_id] = own, np.asarray(truth)

    def __getstate__(self) -> dict[str, Any]:
        """What another process needs to merge: the scores."""
        return {"found": self.found}

    def merge(self, others: Sequence[Self]) -> None:
        """Take in what metrics of the same dataset gathered in other processes."""
        for other in others:
            self.found = {**other.found, **self.found}

    def _gathered(self) -> tuple[Tensor, Tensor]:
        ordered = [self.found[image] for image in self.dataset.ids if image in self.found]
        scores = np.stack([one for one, _ in ordered]) if ordered else np.zeros((0, len(self.classes)), np.float32)
        truth = np.stack([one for _, one in ordered]) if ordered else np.zeros((0,), np.int64)
        return torch.from_numpy(scores), torch.from_numpy(truth)


class ClassMetric(_ScoreMetric):
    """``top1`` (the main metric), ``top5`` of more than five classes, and what follows from each class by itself.

    That is the mean accuracy of the classes, ``mAP`` and ``AUROC`` (each class against all others), each the mean
    over the classes that define it: one without images has no accuracy and no AP, and neither it nor one that all
    images are of has an AUROC. ``ECE`` is the expected calibration error, the one metric of which less is better.
    Images of an unknown class (255) do not count.
    """

    def compute(self) -> Evaluation:
        """The metrics over all images seen."""
        from torchmetrics.functional.classification import multiclass_calibration_error

        scores, truth = self._gathered()
        count = len(self.classes)
        known = (truth >= 0) & (truth < count)
        scores, truth = scores[known], truth[known].long()
        per_class = {}
        hit = (scores.argmax(1) == truth).float() if len(scores) else torch.zeros(0)
        for k, name in enumerate(self.classes.names):
            own = truth == k
            accuracy = hit[own].mean().item() if bool(own.any()) else NAN
            per_class[name] = {"accuracy": accuracy, **_ranking(scores[:, k], own.long())}
        metrics = {"top1": mean_defined(hit.tolist())}
        if count > 5:
            metrics["top5"] = mean_defined((scores.topk(5).indices == truth[:, None]).any(1).float().tolist())
        metrics |= _means(per_class, {"mean_class_accuracy": "accuracy", "mAP": "AP", "AUROC": "AUROC"})
        metrics["ECE"] = (
            float(multiclass_calibration_error(scores, truth, num_classes=count, n_bins=BINS)) if len(scores) else NAN
        )
        return Evaluation(metrics, main="top1", per_class=per_class)


class LabelsMetric(_ScoreMetric):
    """``mAP`` (the main metric), ``AUROC`` and ``F1`` at 0.5, each the mean over the classes that define it.

    Unknown labels (NaN) do not count. A class without a positive or without a negative image has no AUROC, one
    without a positive image no AP and no F1: NaN, left out of the mean. ``ECE`` is the calibration error over every
    known label of every image, of which less is better.
    """

    def compute(self) -> Evaluation:
        """The metrics over all images seen."""
        from torchmetrics.functional.classification import binary_calibration_error, binary_f1_score

        scores, truth = self._gathered()
        truth = truth.view(len(scores), len(self.classes))
        known = truth.isfinite()
        per_class = {}
        for k, name in enumerate(self.classes.names):
            own, wanted = scores[known[:, k], k], truth[known[:, k], k].long()
            f1 = float(binary_f1_score(own, wanted)) if bool(wanted.any()) else NAN
            per_class[name] = {**_ranking(own, wanted), "F1": f1}
        metrics = _means(per_class, {"mAP": "AP", "AUROC": "AUROC", "F1": "F1"})
        metrics["ECE"] = (
            float(binary_calibration_error(scores[known], truth[known].long(), n_bins=BINS))
            if bool(known.any())
            else NAN
        )
        return Evaluation(metrics, main="mAP", per_class=per_class)


def _ranking(scores: Tensor, truth: Tensor) -> dict[str, float]:
    """AP and AUROC of (N,) scores against (N,) zeros and ones, NaN where they are not defined."""
    from torchmetrics.functional.classification import binary_auroc, binary_average_precision

    positive, negative = bool((truth == 1).any()), bool((truth == 0).any())
    return {
        "AP": float(binary_average_precision(scores, truth)) if positive else NAN,
        "AUROC": float(binary_auroc(scores, truth)) if positive and negative else NAN,
    }


def _means(per_class: Mapping[str, Mapping[str, float]], names: Mapping[str, str]) -> dict[str, float]:
    """Our name of a metric → the mean over the classes of what is called so there."""
    return {ours: mean_defined([one[theirs] for one in per_class.values()]) for ours, theirs in names.items()}
