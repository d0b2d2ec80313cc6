"""Metrics of findings: thresholds chosen on one part of the patients, metrics reported on another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.special import logit

from hub_medical.metrics.bootstrap import Interval
from hub_medical.metrics.calibration import brier_score, calibration_error, fit_temperature, scaled_probabilities
from hub_medical.metrics.classification import sensitivity_and_specificity, threshold_at_specificity
from hub_medical.metrics.ranking import (
    bootstrap_weights,
    interval_of,
    weighted_auroc,
    weighted_average_precision,
    weighted_share,
)

NAN = float("nan")
RANKING = ("AUROC", "AP", "sensitivity")  # the metrics that have intervals
METRICS = (*RANKING, "specificity", "ECE", "ECE_scaled", "Brier", "Brier_scaled")


@dataclass(frozen=True)
class Chosen:
    """What is chosen on validation data for a finding; NaN where there is no positive or no negative.

    Attributes:
        threshold: a score from there on is a positive.
        temperature: by which logits are divided.
    """

    threshold: float = NAN
    temperature: float = NAN


@dataclass(frozen=True)
class FindingScores:
    """The metrics of one finding, or their means over all.

    Attributes:
        metrics: those of `METRICS`.
        intervals: of `RANKING`, over patients.
        positives, negatives: images that count.
        chosen: on other data.
    """

    metrics: dict[str, float]
    intervals: dict[str, Interval]
    positives: int = 0
    negatives: int = 0
    chosen: Chosen = field(default_factory=Chosen)


def choose(truth: np.ndarray, scores: np.ndarray, specificity: float) -> list[Chosen]:
    """The threshold and the temperature of every finding.

    Args:
        truth: (N, C) 0, 1 or NaN, of validation data.
        scores: (N, C) from 0 to 1.
        specificity: that thresholds keep, see `hub_medical.metrics.threshold_at_specificity`.
    """
    return [_choose(truth[:, k], scores[:, k], specificity) for k in range(truth.shape[1])]


def score_findings(
    truth: np.ndarray,
    scores: np.ndarray,
    patients: Sequence[str],
    chosen: Sequence[Chosen],
    *,
    draws: int = 1000,
    seed: int = 0,
) -> tuple[FindingScores, list[FindingScores]]:
    """The means over the findings that define a metric, and every finding's own.

    Args:
        truth: (N, C) 0, 1 or NaN where a finding is not known.
        scores: (N, C) from 0 to 1.
        patients: of every image; the intervals are over these.
        chosen: of every finding, on other data.
        draws: bootstrap samples; 0 gives no interval.
        seed: of the draws.
    """
    count = truth.shape[1]
    points = [_metrics(truth[:, k], scores[:, k], chosen[k]) for k in range(count)]
    drawn = _bootstrap(truth, scores, patients, chosen, draws=draws, seed=seed)
    each = [
        FindingScores(
            metrics=points[k],
            intervals={name: interval_of(values[:, k]) for name, values in drawn.items()},
            positives=int((truth[:, k] == 1).sum()),
            negatives=int((truth[:, k] == 0).sum()),
            chosen=chosen[k],
        )
        for k in range(count)
    ]
    means = {name: float(_mean(np.array([[point[name] for point in points]]))[0]) for name in METRICS}
    return FindingScores(means, {name: interval_of(_mean(values)) for name, values in drawn.items()}), each


def _choose(truth: np.ndarray, scores: np.ndarray, specificity: float) -> Chosen:
    known = ~np.isnan(truth)
    truth, scores = truth[known], scores[known]
    if len(np.unique(truth)) < 2:
        return Chosen()
    return Chosen(
        threshold=threshold_at_specificity(truth, scores, specificity),
        temperature=fit_temperature(_logits(scores), truth),
    )


def _metrics(truth: np.ndarray, scores: np.ndarray, chosen: Chosen) -> dict[str, float]:
    known = ~np.isnan(truth)
    truth, scores = truth[known], scores[known]
    found = dict.fromkeys(METRICS, NAN)
    if not len(truth):
        return found
    once = np.ones((1, len(truth)))
    if len(np.unique(truth)) == 2:
        found["AUROC"] = float(weighted_auroc(truth, scores, once)[0])
        found["AP"] = float(weighted_average_precision(truth, scores, once)[0])
    if not np.isnan(chosen.threshold):
        found["sensitivity"], found["specificity"] = sensitivity_and_specificity(truth, scores, chosen.threshold)
    logits = _logits(scores)
    for suffix, temperature in (("", 1.0), ("_scaled", chosen.temperature)):
        if not np.isnan(temperature):
            rows = scaled_probabilities(logits, temperature)
            found[f"ECE{suffix}"] = calibration_error(rows, truth)
            found[f"Brier{suffix}"] = brier_score(rows, truth)
    return found


def _bootstrap(
    truth: np.ndarray,
    scores: np.ndarray,
    patients: Sequence[str],
    chosen: Sequence[Chosen],
    *,
    draws: int,
    seed: int,
) -> dict[str, np.ndarray]:
    """Metric → (draws, C): draw the same patients for all findings, so that their mean has an interval too."""
    count = truth.shape[1]
    parts: dict[str, list[np.ndarray]] = {name: [np.zeros((0, count))] for name in RANKING}
    for weights in bootstrap_weights(patients, draws=draws, seed=seed):
        columns: dict[str, list[np.ndarray]] = {name: [] for name in RANKING}
        for k in range(count):
            known = ~np.isnan(truth[:, k])
            own, wanted, given = weights[:, known], truth[known, k], scores[known, k]
            columns["AUROC"].append(weighted_auroc(wanted, given, own))
            columns["AP"].append(weighted_average_precision(wanted, given, own))
            found = given >= chosen[k].threshold
            columns["sensitivity"].append(
                np.full(len(own), NAN) if np.isnan(chosen[k].threshold) else weighted_share(found, wanted == 1, own)
            )
        for name, values in columns.items():
            parts[name].append(np.stack(values, axis=1))
    return {name: np.concatenate(values) for name, values in parts.items()}


def _mean(values: np.ndarray) -> np.ndarray:
    """Of (D, C) the means (D,) over what is defined."""
    defined = ~np.isnan(values)
    total = np.where(defined, values, 0).sum(axis=1)
    means: np.ndarray = np.divide(total, defined.sum(axis=1), out=np.full(len(values), NAN), where=defined.any(axis=1))
    return means


def _logits(scores: np.ndarray) -> np.ndarray:
    """Of probabilities; what rounds to 0 or 1 in float32 counts as the last number before."""
    return np.asarray(logit(np.clip(np.asarray(scores, np.float64), 1e-7, 1 - 1e-7)))
