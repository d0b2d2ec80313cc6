"""Calibration of probabilities, before and after temperature scaling."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from hub_medical.errors import MetricError


def scaled_probabilities(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Softmax of logits (N, C) over a temperature; (N,) logits of one finding become [1 − p, p] rows."""
    return np.asarray(softmax(_two_dimensional(logits) / temperature, axis=1))


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature of least negative log-likelihood, on validation data.

    Reference: Guo et al., On Calibration of Modern Neural Networks, 2017, https://arxiv.org/abs/1706.04599.

    Args:
        logits: (N, C) of exclusive classes, or (N,) of one finding.
        labels: (N,) classes; 0 or 1 for one finding.

    Raises:
        MetricError: no data, or lengths that differ.

    >>> round(fit_temperature(np.array([4.0, 4.0, 4.0, -4.0]), np.array([1, 1, 0, 0])), 1)
    3.6
    """
    rows = _two_dimensional(logits)
    labels = _labels(labels, rows)

    def loss(log_temperature: float) -> float:
        return -float(log_softmax(rows / np.exp(log_temperature), axis=1)[np.arange(len(rows)), labels].mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-5, 5), method="bounded", options={"xatol": 1e-6}).x))


def calibration_error(probabilities: np.ndarray, labels: np.ndarray, *, bins: int = 15) -> float:
    """Expected calibration error: |accuracy − confidence| of the predicted class in bins of equal width.

    Args:
        probabilities: (N, C).
        labels: (N,) classes.
        bins: between 0 and 1.

    Raises:
        MetricError: no data, or lengths that differ.
    """
    labels = _labels(labels, probabilities)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gaps = np.bincount(place, right - confidence, bins)
    return float(np.abs(gaps).sum() / len(labels))


def brier_score(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean squared error of the probabilities, summed over classes and halved: for one finding, (p − y)².

    Arguments as `calibration_error`.

    >>> brier_score(np.array([[0.2, 0.8], [0.5, 0.5]]), np.array([1, 0]))
    0.145
    """
    labels = _labels(labels, probabilities)
    target = np.eye(probabilities.shape[1])[labels]
    return float(((probabilities - target) ** 2).sum(axis=1).mean() / 2)


def _two_dimensional(logits: np.ndarray) -> np.ndarray:
    logits = np.asarray(logits, np.float64)
    return np.stack([np.zeros_like(logits), logits], axis=1) if logits.ndim == 1 else logits


def _labels(labels: np.ndarray, rows: np.ndarray) -> np.ndarray:
    labels = np.asarray(labels).astype(np.int64)
    if not len(labels) or len(labels) != len(rows):
        raise MetricError(f"{len(rows)} predictions, {len(labels)} labels", fix="give one label per prediction")
    return labels
