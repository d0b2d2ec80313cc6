from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import brier_score_loss
from torchmetrics.functional.classification import multiclass_calibration_error

from hub_medical.errors import MetricError
from hub_medical.metrics import brier_score, calibration_error, fit_temperature, scaled_probabilities


def overconfident(factor: float, n: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Labels drawn from the softmax of logits, and those logits times a factor."""
    random = np.random.default_rng(0)
    logits = random.normal(size=(n, 4))
    drawn = (logits + random.gumbel(size=logits.shape)).argmax(axis=1)
    return logits * factor, drawn


def test_error_is_that_of_torchmetrics() -> None:
    logits, labels = overconfident(3, 500)
    rows = scaled_probabilities(logits)
    oracle = multiclass_calibration_error(torch.from_numpy(rows), torch.from_numpy(labels), 4, n_bins=15, norm="l1")
    assert calibration_error(rows, labels) == pytest.approx(float(oracle), abs=1e-6)


def test_brier_of_one_finding_is_that_of_sklearn() -> None:
    random = np.random.default_rng(0)
    logits, labels = random.normal(size=300), random.integers(0, 2, 300)
    rows = scaled_probabilities(logits)
    assert brier_score(rows, labels) == pytest.approx(brier_score_loss(labels, 1 / (1 + np.exp(-logits))))


@pytest.mark.parametrize("factor", [0.4, 3.0])
def test_the_temperature_undoes_the_factor_and_calibrates(factor: float) -> None:
    logits, labels = overconfident(factor)
    half = len(labels) // 2
    temperature = fit_temperature(logits[:half], labels[:half])
    assert temperature == pytest.approx(factor, rel=0.05)
    before, after = (scaled_probabilities(logits[half:], t) for t in (1.0, temperature))
    assert calibration_error(after, labels[half:]) < 0.02 < calibration_error(before, labels[half:])
    assert brier_score(after, labels[half:]) < brier_score(before, labels[half:])


def test_lengths_must_fit() -> None:
    with pytest.raises(MetricError, match="2 predictions, 1 labels"):
        brier_score(np.full((2, 2), 0.5), np.array([1]))
