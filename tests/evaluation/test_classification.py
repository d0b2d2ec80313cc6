"""Classification's metrics: against scikit-learn and the definitions."""

from __future__ import annotations

import math
import pickle
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from hub.contract import Classification
from hub.evaluation import ClassificationMetric, MultilabelMetric
from hub.labels import LabelSpace

LABELS = LabelSpace.of([f"c{i}" for i in range(6)])


def _data(name: str, values: Any, labels: LabelSpace = LABELS) -> Any:
    return SimpleNamespace(
        name="data",
        ids=list(range(len(values))),
        provides={name},
        label_spaces={name: labels},
        tags=lambda index, needs: {name: values[index]},
    )


def _results(scores: torch.Tensor, labels: LabelSpace = LABELS) -> list[Classification]:
    return [Classification(image_id=i, size=(2, 2), scores=s, label_space=labels) for i, s in enumerate(scores)]


def test_top1_and_top5_and_calibration() -> None:
    torch.manual_seed(0)
    scores = (torch.randn(200, 6) * 2).softmax(1)
    truth = torch.multinomial(scores, 1)[:, 0].numpy()  # drawn from the scores: calibrated by construction
    whole, first, second = (ClassificationMetric(_data("class", truth), LABELS, name="class") for _ in range(3))
    results = _results(scores)
    whole.update(results)
    first.update(results[:80])
    second.update(results[60:])
    first.merge([pickle.loads(pickle.dumps(second))])
    found = whole.compute()
    assert first.compute().metrics == found.metrics
    order = scores.argsort(1, descending=True).numpy()
    assert found.metrics["top1"] == pytest.approx((order[:, 0] == truth).mean())
    assert found.metrics["top5"] == pytest.approx((order[:, :5] == truth[:, None]).any(1).mean())
    assert found.metrics["ECE"] < 0.12
    assert found.main == "top1"
    hot = np.eye(6)[truth]
    assert found.metrics["mAP"] == pytest.approx(average_precision_score(hot, scores, average="macro"), abs=1e-5)
    assert found.metrics["AUROC"] == pytest.approx(roc_auc_score(hot, scores, average="macro"), abs=1e-5)


def test_classes_without_images_and_images_without_a_class() -> None:
    scores = torch.eye(6)[[0, 1, 2, 3, 0]]
    metric = ClassificationMetric(_data("class", np.array([0, 1, 1, 255, 255])), LABELS, name="class")
    metric.update(_results(scores))
    found = metric.compute()
    assert found.metrics["top1"] == pytest.approx(2 / 3)
    assert found.metrics["mean_class_accuracy"] == pytest.approx(0.75)  # of the two classes that have images
    assert math.isnan(found.per_class["c4"]["AP"])
    assert math.isnan(found.per_class["c4"]["AUROC"])
    empty = ClassificationMetric(_data("class", np.array([0])), LABELS, name="class").compute()
    assert all(math.isnan(metric) for metric in empty.metrics.values())


def test_calibration_by_its_definition() -> None:
    rng = np.random.default_rng(1)
    scores, truth = rng.random((50, 6)).astype(np.float32), (rng.random((50, 6)) < 0.3).astype(np.float32)
    truth[rng.random((50, 6)) < 0.2] = np.nan
    metric = MultilabelMetric(_data("labels", truth), LABELS, name="labels")
    metric.update(_results(torch.from_numpy(scores)))
    known = ~np.isnan(truth)
    s, t = scores[known], truth[known]
    bins = np.minimum((s * 15).astype(int), 14)
    expected = sum(abs(s[bins == b].mean() - t[bins == b].mean()) * (bins == b).mean() for b in np.unique(bins))
    assert metric.compute().metrics["ECE"] == pytest.approx(expected, abs=1e-4)


def test_classes_are_matched_by_name() -> None:
    own = LabelSpace.of(["dog", "cat"])
    metric = ClassificationMetric(_data("class", np.array([0, 1]), LabelSpace.of(["cat", "dog"])), own, name="class")
    metric.update(_results(torch.tensor([[0.1, 0.9], [0.8, 0.2]]), own))
    assert metric.compute().metrics["top1"] == 1.0


def test_average_precision_ignores_unknown_labels() -> None:
    rng = np.random.default_rng(0)
    scores = rng.random((60, 6)).astype(np.float32)
    truth = (rng.random((60, 6)) < 0.4).astype(np.float32)
    truth[rng.random((60, 6)) < 0.2] = np.nan
    truth[:, 5] = np.where(np.isnan(truth[:, 5]), np.nan, 0)  # never positive
    metric = MultilabelMetric(_data("labels", truth), LABELS, name="labels")
    metric.update(_results(torch.from_numpy(scores)))
    found = metric.compute()
    expected = []
    for k in range(5):
        known = ~np.isnan(truth[:, k])
        order = np.argsort(-scores[known, k])
        hits = truth[known, k][order]
        precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
        expected.append((precision * hits).sum() / hits.sum())
        assert found.per_class[f"c{k}"]["AP"] == pytest.approx(expected[-1], abs=1e-5)
    assert math.isnan(found.per_class["c5"]["AP"])
    assert found.metrics["mAP"] == pytest.approx(np.mean(expected), abs=1e-5)
