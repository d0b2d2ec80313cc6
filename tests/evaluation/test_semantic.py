"""Semantic metrics: scikit-learn's confusion matrix where it is installed, and cases computed by hand."""

from __future__ import annotations

import math
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage

from hub.contract import SemanticMap
from hub.contract.sample import Sample
from hub.errors import DataError
from hub.evaluation import SemanticMetric
from hub.evaluation.semantic import boundary
from hub.labels import LabelSpace

CLASSES = LabelSpace.of(["sky", "road", "car"])


def _data(maps: list[np.ndarray], classes: LabelSpace = CLASSES) -> Any:
    def load(index: int, needs: frozenset[str]) -> Sample:
        image = np.zeros((*maps[index].shape, 3), np.uint8)
        return Sample(image, index, Path("x.png"), maps[index].shape[:2], maps={"semantic": maps[index]})  # type: ignore[arg-type]

    return SimpleNamespace(
        name="streets", ids=list(range(len(maps))), provides={"semantic"}, label_spaces={"semantic": classes}, load=load
    )


def _result(index: int, classes: np.ndarray, labels: LabelSpace = CLASSES) -> SemanticMap:
    return SemanticMap(image_id=index, size=classes.shape, classes=torch.from_numpy(classes), label_space=labels)


def _random(seed: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    truth = [rng.integers(0, 3, (20, 30)).astype(np.uint8) for _ in range(3)]
    predicted = [np.where(rng.random(t.shape) < 0.6, t, rng.integers(0, 3, t.shape)).astype(np.uint8) for t in truth]
    truth[0][:5] = 255
    return truth, predicted


def test_metrics_follow_their_definitions() -> None:
    truth, predicted = _random(0)
    metric = SemanticMetric(_data(truth), CLASSES)
    metric.update([_result(i, a) for i, a in enumerate(predicted)])
    found = metric.compute()
    t, a = (np.concatenate([x.ravel() for x in maps]) for maps in (truth, predicted))
    t, a = t[t != 255], a[t != 255]
    iou = [((t == k) & (a == k)).sum() / ((t == k) | (a == k)).sum() for k in range(3)]
    dice = [2 * ((t == k) & (a == k)).sum() / ((t == k).sum() + (a == k).sum()) for k in range(3)]
    assert found.main == "mIoU"
    assert found.metrics["mIoU"] == pytest.approx(np.mean(iou))
    assert found.metrics["mDice"] == pytest.approx(np.mean(dice))
    assert found.metrics["pixel_accuracy"] == pytest.approx((t == a).mean())
    assert found.per_class["car"]["IoU"] == pytest.approx(iou[2])


def test_parts_of_two_processes_give_the_same_and_repeated_images_count_once() -> None:
    truth, predicted = _random(1)
    results = [_result(i, a) for i, a in enumerate(predicted)]
    whole, first, second = (SemanticMetric(_data(truth), CLASSES) for _ in range(3))
    whole.update(results)
    first.update([results[0], results[0]])
    second.update(results[1:])
    first.merge([pickle.loads(pickle.dumps(second))])
    assert first.compute() == whole.compute()


def test_classes_are_matched_by_name_and_absent_ones_are_left_out() -> None:
    other = LabelSpace.of(["tree", "road", "sky"])
    truth = [np.array([[0, 0, 1, 1]], np.uint8)]
    metric = SemanticMetric(_data(truth), other)
    metric.update([_result(0, np.array([[2, 0, 1, 1]], np.uint8), other)])
    found = metric.compute()
    assert found.per_class["sky"]["IoU"] == 0.5
    assert found.per_class["road"]["IoU"] == 1.0
    assert math.isnan(found.per_class["car"]["IoU"])
    assert found.metrics["mIoU"] == 0.75


def test_boundaries_are_what_erosion_removes() -> None:
    rng = np.random.default_rng(0)
    region = ndimage.binary_dilation(rng.random((60, 80)) < 0.01, iterations=6)
    inner = ndimage.binary_erosion(region, np.ones((3, 3)), iterations=2)  # 2 % of 100 pixels
    assert np.array_equal(boundary(region), region & ~inner)


def test_a_dataset_without_the_map_is_rejected() -> None:
    data = _data([])
    data.provides = {"boxes"}
    with pytest.raises(DataError, match="streets has no 'semantic' to score"):
        SemanticMetric(data, CLASSES)
