"""Classification's figures: by hand, and average precision by its definition."""

from __future__ import annotations

import math
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from hub.data.sample import Sample
from hub.evaluation import ClassMetric, LabelsMetric
from hub.labels import LabelSpace
from hub.model import Classification

LABELS = LabelSpace.of([f"c{i}" for i in range(6)])


def _data(name: str, values: Any, labels: LabelSpace = LABELS) -> Any:
    def load(index: int, needs: frozenset[str]) -> Sample:
        return Sample(np.zeros((2, 2, 3), np.uint8), index, Path("x"), (2, 2), tags={name: values[index]})

    return SimpleNamespace(
        name="data", ids=list(range(len(values))), provides={name}, label_spaces={name: labels}, load=load
    )


def _results(scores: torch.Tensor, labels: LabelSpace = LABELS) -> list[Classification]:
    return [Classification(image_id=i, size=(2, 2), scores=s, label_space=labels) for i, s in enumerate(scores)]


def test_top1_and_top5_and_calibration() -> None:
    torch.manual_seed(0)
    scores = (torch.randn(200, 6) * 2).softmax(1)
    truth = torch.multinomial(scores, 1)[:, 0].numpy()  # drawn from the scores: calibrated by construction
    whole, first, second = (ClassMetric(_data("class", truth), LABELS, name="class") for _ in range(3))
    results = _results(scores)
    whole.update(results)
    first.update(results[:80])
    second.update(results[60:])
    first.merge([pickle.loads(pickle.dumps(second))])
    found = whole.compute()
    assert first.compute().figures == found.figures
    order = scores.argsort(1, descending=True).numpy()
    assert found.figures["top1"] == pytest.approx((order[:, 0] == truth).mean())
    assert found.figures["top5"] == pytest.approx((order[:, :5] == truth[:, None]).any(1).mean())
    assert found.figures["ECE"] < 0.12
    assert found.main == "top1"


def test_classes_go_by_name() -> None:
    own = LabelSpace.of(["dog", "cat"])
    metric = ClassMetric(_data("class", np.array([0, 1]), LabelSpace.of(["cat", "dog"])), own, name="class")
    metric.update(_results(torch.tensor([[0.1, 0.9], [0.8, 0.2]]), own))
    assert metric.compute().figures["top1"] == 1.0


def test_average_precision_ignores_what_is_unknown() -> None:
    rng = np.random.default_rng(0)
    scores = rng.random((60, 6)).astype(np.float32)
    truth = (rng.random((60, 6)) < 0.4).astype(np.float32)
    truth[rng.random((60, 6)) < 0.2] = np.nan
    truth[:, 5] = np.where(np.isnan(truth[:, 5]), np.nan, 0)  # never positive
    metric = LabelsMetric(_data("labels", truth), LABELS, name="labels")
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
    assert found.figures["mAP"] == pytest.approx(np.mean(expected), abs=1e-5)
