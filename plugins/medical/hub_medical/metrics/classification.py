"""Metrics of findings by image, NaN-masked, with intervals over patients."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hub.errors import OptionError
from hub_medical.errors import MetricError
from hub_medical.metrics.bootstrap import Interval
from hub_medical.metrics.ranking import (
    MetricFunction,
    bootstrap_weights,
    interval_of,
    weighted_auroc,
    weighted_average_precision,
)


def auroc(
    truth: np.ndarray, scores: np.ndarray, patients: Sequence[str], *, draws: int = 1000, seed: int = 0
) -> tuple[float, Interval]:
    """Area under the ROC curve and its interval.

    Args:
        truth: (N,) 0, 1, or NaN where the finding is not known; such images do not count.
        scores: (N,) larger for likelier.
        patients: the patient of each image.
        draws: bootstrap samples.
        seed: of the draws.

    Returns:
        NaN where one of the classes is missing.

    Raises:
        MetricError: lengths differ, or a score is not finite.
    """
    return _with_interval(weighted_auroc, truth, scores, patients, draws=draws, seed=seed)


def average_precision(
    truth: np.ndarray, scores: np.ndarray, patients: Sequence[str], *, draws: int = 1000, seed: int = 0
) -> tuple[float, Interval]:
    """Average precision, Σ (Rₙ − Rₙ₋₁) Pₙ, and its interval; arguments as `auroc`."""
    return _with_interval(weighted_average_precision, truth, scores, patients, draws=draws, seed=seed)


def threshold_at_specificity(truth: np.ndarray, scores: np.ndarray, specificity: float) -> float:
    """The lowest threshold that keeps this specificity, to be chosen on validation data and then left alone.

    Args:
        truth: (N,) 0, 1 or NaN, of the validation part.
        scores: (N,) of the validation part.
        specificity: above 0, up to 1.

    Returns:
        t, where a score of t or more is a positive.

    Raises:
        MetricError: there is no negative to choose by.
        OptionError: a specificity outside its range.

    >>> threshold_at_specificity(np.array([0, 0, 0, 0, 1]), np.array([0.1, 0.2, 0.3, 0.9, 0.8]), 0.75) <= 0.8
    True
    """
    if not 0 < specificity <= 1:
        raise OptionError(f"a specificity of {specificity:g}", fix="give a number above 0, up to 1")
    truth, scores = _known(truth, scores)
    negatives = np.sort(scores[truth == 0])
    if not len(negatives):
        raise MetricError("no negative to choose a threshold by", fix="choose it on data that have some")
    rejected = int(np.ceil(specificity * len(negatives) - 1e-9))  # how many of them must be below the threshold
    return float(np.nextafter(negatives[rejected - 1], np.inf))


def sensitivity_and_specificity(truth: np.ndarray, scores: np.ndarray, threshold: float) -> tuple[float, float]:
    """Both at a threshold that was chosen elsewhere; NaN where a class is missing.

    >>> sensitivity_and_specificity(np.array([1, 1, 0, 0]), np.array([0.9, 0.2, 0.1, 0.6]), 0.5)
    (0.5, 0.5)
    """
    truth, scores = _known(truth, scores)
    positive = scores >= threshold
    sick, well = positive[truth == 1], positive[truth == 0]
    nan = float("nan")
    return float(sick.mean()) if len(sick) else nan, float(1 - well.mean()) if len(well) else nan


def _with_interval(
    metric: MetricFunction,
    truth: np.ndarray,
    scores: np.ndarray,
    patients: Sequence[str],
    *,
    draws: int,
    seed: int,
) -> tuple[float, Interval]:
    if len(patients) != len(truth):
        raise MetricError(f"{len(truth)} images, but {len(patients)} patients", fix="give every image its patient")
    keep = ~np.isnan(np.asarray(truth, np.float64))
    owners = np.asarray(patients)[keep].tolist()
    truth, scores = _known(truth, scores)

    defined = len(np.unique(truth)) == 2
    value = float(metric(truth, scores, np.ones((1, len(truth))))[0]) if defined else float("nan")
    drawn = [metric(truth, scores, weights) for weights in bootstrap_weights(owners, draws=draws, seed=seed)]
    return value, interval_of(np.concatenate(drawn) if defined and drawn else np.zeros(0))


def _known(truth: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    truth, scores = np.asarray(truth, np.float64), np.asarray(scores, np.float64)
    if truth.shape != scores.shape or truth.ndim != 1:
        raise MetricError(f"truth of shape {truth.shape}, scores of {scores.shape}", fix="give one score an image")
    if not np.isfinite(scores).all():
        raise MetricError(f"{int((~np.isfinite(scores)).sum())} scores are not finite", fix="look at the model")
    keep = ~np.isnan(truth)
    return truth[keep].astype(np.int64), scores[keep]
