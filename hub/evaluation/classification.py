"""Metrics of single-label and multi-label classification, with torchmetrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from torch import Tensor

from hub.contract.metric import Evaluation
from hub.contract.results import Classification, Result
from hub.evaluation.checks import expect_result, image_index, nan_mean, target_labels
from hub.labels import LabelSpace

if TYPE_CHECKING:
    from hub.contract.dataset import Dataset

NAN = float("nan")
BINS = 15  # bins of the calibration error (Guo et al. 2017, https://arxiv.org/abs/1706.04599)


class _ScoreMetric:
    """Collects the scores of every image, in the classes of the dataset, and its annotation.

    Args:
        dataset: has the annotations.
        labels: the label space of the results.
        name: name of the tag.

    Raises:
        DataError: the dataset has no such tag.
    """

    def __init__(self, dataset: Dataset, labels: LabelSpace, *, name: str) -> None:
        self.dataset, self.tag = dataset, name
        self.classes = target_labels(dataset, name)
        self.images = {image: index for index, image in enumerate(dataset.ids)}
        self.from_label = np.asarray(self.classes.map_to(labels), np.int64)
        self.found: dict[int | str, tuple[np.ndarray, np.ndarray]] = {}

    def update(self, results: Sequence[Result]) -> None:
        """Add the `hub.Classification` of some images; an image that is given twice counts once.

        Raises:
            DataError: an image does not belong to this dataset.
            ContractError: a result is not a `hub.Classification`.
        """
        for result in results:
            index = image_index(result, self.images, self.dataset.name)
            if result.image_id in self.found:
                continue
            scores = expect_result(result, Classification).scores.numpy()
            own = np.where(self.from_label >= 0, scores[self.from_label], 0.0).astype(np.float32)
            truth = self.dataset.tags(index, frozenset({self.tag}))[self.tag]
            self.found[result.image_id] = own, np.asarray(truth)

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process needs to merge: the scores."""
        return {"found": self.found}

    def merge(self, others: Sequence[Self]) -> None:
        """Add what metrics of the same dataset collected in other processes."""
        for other in others:
            self.found = {**other.found, **self.found}

    def _gathered(self) -> tuple[Tensor, Tensor]:
        ordered = [self.found[image] for image in self.dataset.ids if image in self.found]
        scores = np.stack([one for one, _ in ordered]) if ordered else np.zeros((0, len(self.classes)), np.float32)
        truth = np.stack([one for _, one in ordered]) if ordered else np.zeros((0,), np.int64)
        return torch.from_numpy(scores), torch.from_numpy(truth)


class ClassificationMetric(_ScoreMetric):
    """Metrics of single-label classification; ``top1`` is the main one.

    - ``top1``, and ``top5`` for more than five classes: top-k accuracy.
    - ``mean_class_accuracy``: mean of the accuracies of the classes.
    - ``mAP``, ``AUROC``: mean over the classes of the average precision and the area under the ROC curve, each class
      against all others.
    - ``ECE``: expected calibration error; lower is better.

    A class without images is left out of the means, and so is a class without negative images for AUROC. Images of
    unknown class (255) do not count.
    """

    def compute(self) -> Evaluation:
        """Return the metrics over all images added."""
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
        metrics = {"top1": nan_mean(hit.tolist())}
        if count > 5:
            metrics["top5"] = nan_mean((scores.topk(5).indices == truth[:, None]).any(1).float().tolist())
        metrics |= _means(per_class, {"mean_class_accuracy": "accuracy", "mAP": "AP", "AUROC": "AUROC"})
        metrics["ECE"] = (
            float(multiclass_calibration_error(scores, truth, num_classes=count, n_bins=BINS)) if len(scores) else NAN
        )
        return Evaluation(metrics, main="top1", per_class=per_class)


class MultilabelMetric(_ScoreMetric):
    """Metrics of multi-label classification; ``mAP`` is the main one.

    - ``mAP``, ``AUROC``, ``F1``: mean over the classes of the average precision, the area under the ROC curve and the
      F1 score at threshold 0.5.
    - ``ECE``: expected calibration error over every known label of every image; lower is better.

    Unknown labels (NaN) do not count. For a class without positive images AP, F1 and AUROC are NaN, for a class
    without negative images AUROC; NaN is left out of the means.
    """

    def compute(self) -> Evaluation:
        """Return the metrics over all images added."""
        from torchmetrics.functional.classification import binary_calibration_error, binary_f1_score

        scores, truth = self._gathered()
        truth = truth.view(len(scores), len(self.classes))
        known = truth.isfinite()
        per_class = {}
        for k, name in enumerate(self.classes.names):
            predicted, target = scores[known[:, k], k], truth[known[:, k], k].long()
            f1 = float(binary_f1_score(predicted, target)) if bool(target.any()) else NAN
            per_class[name] = {**_ranking(predicted, target), "F1": f1}
        metrics = _means(per_class, {"mAP": "AP", "AUROC": "AUROC", "F1": "F1"})
        metrics["ECE"] = (
            float(binary_calibration_error(scores[known], truth[known].long(), n_bins=BINS))
            if bool(known.any())
            else NAN
        )
        return Evaluation(metrics, main="mAP", per_class=per_class)


def _ranking(scores: Tensor, truth: Tensor) -> dict[str, float]:
    """Return AP and AUROC of (N,) scores against (N,) zeros and ones; NaN if undefined."""
    from torchmetrics.functional.classification import binary_auroc, binary_average_precision

    positive, negative = bool((truth == 1).any()), bool((truth == 0).any())
    return {
        "AP": float(binary_average_precision(scores, truth)) if positive else NAN,
        "AUROC": float(binary_auroc(scores, truth)) if positive and negative else NAN,
    }


def _means(per_class: Mapping[str, Mapping[str, float]], names: Mapping[str, str]) -> dict[str, float]:
    """Average per-class metrics; ``names`` maps the name of each mean to the name of the per-class metric."""
    return {ours: nan_mean([one[theirs] for one in per_class.values()]) for ours, theirs in names.items()}
