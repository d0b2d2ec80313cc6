"""Confidence intervals over patients, not over images: images of one patient are not independent."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats


class Interval(NamedTuple):
    """A confidence interval; both ends are NaN where there are fewer than two patients to draw from."""

    low: float
    high: float


def bootstrap_mean(values: Sequence[float], *, level: float = 0.95, draws: int = 2000, seed: int = 0) -> Interval:
    """The bias-corrected and accelerated bootstrap interval of a mean (Efron 1987), by `scipy.stats.bootstrap`.

    Args:
        values: one per patient; NaN are left out.
        level: of confidence.
        draws: bootstrap samples.
        seed: of the draws.

    >>> bootstrap_mean([0.5, 0.5, 0.5])
    Interval(low=0.5, high=0.5)
    """
    known = np.asarray(values, np.float64)
    known = known[~np.isnan(known)]
    if len(known) < 2:
        return Interval(float("nan"), float("nan"))
    if np.ptp(known) == 0:  # nothing to correct: the method divides by the spread
        return Interval(float(known[0]), float(known[0]))
    result = stats.bootstrap(
        (known,), np.mean, confidence_level=level, n_resamples=draws, method="BCa", rng=np.random.default_rng(seed)
    )
    return Interval(float(result.confidence_interval.low), float(result.confidence_interval.high))


def bootstrap_groups(
    patients: Sequence[str],
    statistic: Callable[[np.ndarray], float],
    *,
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> Interval:
    """The percentile bootstrap interval of any metric, over patients: all images of a patient are drawn together.

    Args:
        patients: the patient of each image.
        statistic: from indices of images, with repetitions, to the metric; NaN where it is not defined, as AUROC
            without a positive. Such draws are left out.
        level: of confidence.
        draws: bootstrap samples.
        seed: of the draws.
    """
    names, member = np.unique(np.asarray(patients), return_inverse=True)
    if len(names) < 2:
        return Interval(float("nan"), float("nan"))
    images = [np.flatnonzero(member == number) for number in range(len(names))]

    def of_patients(drawn: np.ndarray) -> float:
        return statistic(np.concatenate([images[int(number)] for number in drawn]))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of undefined draws, which are left out below
        result = stats.bootstrap(
            (np.arange(len(names)),),
            of_patients,
            vectorized=False,
            n_resamples=draws,
            method="percentile",
            rng=np.random.default_rng(seed),
        )
    metrics = result.bootstrap_distribution
    if np.isnan(metrics).all():
        return Interval(float("nan"), float("nan"))
    low, high = np.nanquantile(metrics, ((1 - level) / 2, (1 + level) / 2)).tolist()
    return Interval(low, high)
