"""The metrics against their definitions, over all known pixels of all images at once."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest
import torch

from hub import Result
from hub.errors import ContractError, DataError
from hub_depth.metric import DepthMetric
from hub_depth.result import DepthMap


class Two:
    """Images of different sizes, so that the mean over pixels is not that over images."""

    name, provides, ids = "two", frozenset({"depth"}), ["a", "b"]

    def __init__(self) -> None:
        random = np.random.default_rng(0)
        self.depth = [random.uniform(1, 9, size).astype(np.float32) for size in ((8, 9), (3, 2))]
        self.depth[0][:2] = np.nan
        self.depth[1][0, 0], self.depth[1][0, 1] = 0, np.inf

    def load(self, index: int, needs: frozenset[str]) -> Any:
        assert needs == {"depth"}
        return type("Sample", (), {"maps": {"depth": self.depth[index]}})

    def answers(self) -> list[DepthMap]:
        random = np.random.default_rng(1)
        found = [random.uniform(1, 9, d.shape).astype(np.float32) for d in self.depth]
        found[1] *= 3
        return [
            DepthMap(image_id=i, size=f.shape, depth=torch.from_numpy(f)) for i, f in zip(self.ids, found, strict=True)
        ]


def by_hand(truth: list[np.ndarray], answers: list[DepthMap]) -> dict[str, float]:
    pairs = [
        (float(p), float(t))
        for d, a in zip(truth, answers, strict=True)
        for p, t in zip(a.depth.numpy().ravel(), d.ravel(), strict=True)
        if math.isfinite(t) and t > 0
    ]
    n = len(pairs)
    return {
        **{f"delta{k}": sum(max(p / t, t / p) < 1.25**k for p, t in pairs) / n for k in (1, 2, 3)},
        "AbsRel": sum(abs(p - t) / t for p, t in pairs) / n,
        "RMSE": math.sqrt(sum((p - t) ** 2 for p, t in pairs) / n),
        "RMSE_log": math.sqrt(sum((math.log(p) - math.log(t)) ** 2 for p, t in pairs) / n),
        "log10": sum(abs(math.log10(p) - math.log10(t)) for p, t in pairs) / n,
    }


def test_all_figures_are_means_over_the_pixels_of_the_data_set() -> None:
    data = Two()
    metric = DepthMetric(data)
    metric.update(data.answers())
    found = metric.compute()
    expected = by_hand(data.depth, data.answers())
    assert found.metrics == pytest.approx(expected)
    assert list(found.metrics) == list(expected)
    assert found.main == "delta1"
    assert set(found.units) == {"AbsRel", "RMSE", "RMSE_log", "log10"}, "the others are fractions"


def test_parts_are_merged_and_an_image_counts_once() -> None:
    data = Two()
    first, second = data.answers()
    one, other = DepthMetric(data), DepthMetric(data)
    one.update([first])
    one.update([first])
    other.update([second])
    one.merge([pickle.loads(pickle.dumps(other))])
    assert one.compute().metrics == pytest.approx(by_hand(data.depth, data.answers()))


def test_the_right_answer_is_perfect_and_none_is_undefined() -> None:
    data = Two()
    metric = DepthMetric(data)
    assert all(math.isnan(value) for value in metric.compute().metrics.values())
    metric.update(
        [
            DepthMap(image_id=i, size=d.shape, depth=torch.from_numpy(np.where(d > 0, d, 1).astype(np.float32)))
            for i, d in zip(data.ids, data.depth, strict=True)
        ]
    )
    metrics = metric.compute().metrics
    assert [metrics[f"delta{k}"] for k in (1, 2, 3)] == [1, 1, 1]
    assert [metrics[name] for name in ("AbsRel", "RMSE", "RMSE_log", "log10")] == [0, 0, 0, 0]


def test_what_cannot_be_scored_is_named() -> None:
    data = Two()
    first, _ = data.answers()
    metric = DepthMetric(data)
    with pytest.raises(ContractError, match="a Result, not a DepthMap"):
        metric.update([Result(image_id="a", size=(8, 9))])
    with pytest.raises(DataError, match="two has no image 'c'"):
        metric.update([DepthMap(image_id="c", size=(8, 9), depth=first.depth)])
    with pytest.raises(DataError, match=r"the depth of 'b' has the shape \(8, 9\), its annotation \(3, 2\)"):
        metric.update([DepthMap(image_id="b", size=(8, 9), depth=first.depth)])
    data.provides = frozenset({"boxes"})
    with pytest.raises(DataError, match="two has no 'depth' to score against"):
        DepthMetric(data)
