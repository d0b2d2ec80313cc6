from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from hub.errors import OptionError
from hub_medical.errors import MetricError
from hub_medical.metrics import (
    auroc,
    average_precision,
    sensitivity_and_specificity,
    threshold_at_specificity,
)


def made(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    truth = random.integers(0, 2, n).astype(float)
    return truth, (truth * 0.7 + random.normal(size=n)).round(1)  # with ties


def test_unknown_findings_do_not_count() -> None:
    truth, scores = made(200)
    truth[::7] = np.nan
    known = ~np.isnan(truth)
    patients = [str(i // 2) for i in range(200)]
    for ours, oracle in ((auroc, roc_auc_score), (average_precision, average_precision_score)):
        value, interval = ours(truth, scores, patients, draws=200)
        assert value == pytest.approx(oracle(truth[known], scores[known]))
        assert interval.low < value < interval.high


def test_intervals_are_over_patients() -> None:
    """Ten copies of every image say nothing new, unless one forgets whose they are."""
    truth, scores = made(40)
    patients = [str(i) for i in range(40)]
    _, once = auroc(truth, scores, patients, draws=300)
    _, copies = auroc(np.tile(truth, 10), np.tile(scores, 10), patients * 10, draws=300)
    _, forgotten = auroc(np.tile(truth, 10), np.tile(scores, 10), [str(i) for i in range(400)], draws=300)
    width = [i.high - i.low for i in (once, copies, forgotten)]
    assert width[1] == pytest.approx(width[0], rel=0.15)
    assert width[2] < 0.6 * width[0]


def test_one_class_only_is_undefined() -> None:
    value, interval = auroc(np.ones(4), np.arange(4.0), list("abcd"), draws=20)
    assert np.isnan([value, *interval]).all()


@pytest.mark.parametrize("specificity", [0.5, 0.8, 0.9, 1.0])
def test_the_threshold_keeps_its_specificity_and_is_the_lowest_that_does(specificity: float) -> None:
    truth, scores = made(300, seed=1)
    threshold = threshold_at_specificity(truth, scores, specificity)
    sensitivity, kept = sensitivity_and_specificity(truth, scores, threshold)
    assert kept >= specificity
    false, true, _ = roc_curve(truth, scores, drop_intermediate=False)
    assert sensitivity == pytest.approx(true[1 - false >= specificity - 1e-12].max())


def test_what_is_refused() -> None:
    truth, scores = made(10)
    with pytest.raises(MetricError, match="not finite"):
        auroc(truth, np.full(10, np.nan), [str(i) for i in range(10)])
    with pytest.raises(MetricError, match="10 images, but 9 patients"):
        auroc(truth, scores, ["a"] * 9)
    with pytest.raises(MetricError, match="no negative"):
        threshold_at_specificity(np.ones(3), np.ones(3), 0.9)
    with pytest.raises(OptionError):
        threshold_at_specificity(truth, scores, 90)
