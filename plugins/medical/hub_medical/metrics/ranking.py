"""AUROC, average precision and shares of weighted images: all bootstrap samples of a set at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from hub_medical.metrics.bootstrap import Interval

CHUNK = 2**22  # weights that are held at a time

# (N,) truth of 0 and 1, (N,) scores, (D, N) weights → (D,), NaN where it is not defined
MetricFunction = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def bootstrap_weights(patients: Sequence[str], *, draws: int, seed: int = 0) -> Iterator[np.ndarray]:
    """How often each image occurs in samples of as many patients, drawn with replacement.

    Args:
        patients: the patient of each of N images; those of one patient are drawn together.
        draws: samples in all.
        seed: of the draws.

    Yields:
        (D, N) float64, a row a sample; few rows at a time where there are many images.
    """
    names, member = np.unique(np.asarray(patients), return_inverse=True)
    random = np.random.default_rng(seed)
    rows = max(1, CHUNK // max(len(member), 1))
    for start in range(0, draws if len(names) > 1 else 0, rows):
        count = min(rows, draws - start)
        yield random.multinomial(len(names), np.full(len(names), 1 / len(names)), size=count)[:, member].astype(float)


def weighted_auroc(truth: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Probability that a positive has more than a negative; ties count half.

    Args:
        truth: (N,) 0 and 1.
        scores: (N,) larger for likelier.
        weights: (D, N), each row another weighting of the images.

    Returns:
        (D,), NaN where a class has no weight.

    >>> weighted_auroc(np.array([0, 1, 1]), np.array([0.5, 0.5, 0.9]), np.array([[1.0, 1, 1], [1, 1, 0], [0, 1, 1]]))
    array([0.75, 0.5 ,  nan])
    """
    positives, negatives = _by_score(truth, scores, weights)
    below = np.cumsum(negatives, axis=1) - negatives
    won = (positives * (below + negatives / 2)).sum(axis=1)
    return _divided(won, positives.sum(axis=1) * negatives.sum(axis=1))


def weighted_average_precision(truth: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Σ (Rₙ − Rₙ₋₁) Pₙ over falling thresholds; arguments as `weighted_auroc`, NaN without a positive."""
    positives, negatives = (part[:, ::-1] for part in _by_score(truth, scores, weights))
    true, false = np.cumsum(positives, axis=1), np.cumsum(negatives, axis=1)
    precision = np.divide(true, true + false, out=np.zeros_like(true), where=true + false > 0)
    return _divided((positives * precision).sum(axis=1), positives.sum(axis=1))


def weighted_share(chosen: np.ndarray, among: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Share of the images ``among`` that are ``chosen``, both (N,) bool, for each row of weights; NaN without any."""
    return _divided(weights @ (chosen & among), weights @ among)


def interval_of(draws: np.ndarray, *, level: float = 0.95) -> Interval:
    """The percentile interval of a metric's bootstrap draws; those that are NaN are left out.

    >>> interval_of(np.array([0.0, 1.0, np.nan]), level=0.5)
    Interval(low=0.25, high=0.75)
    """
    defined = draws[~np.isnan(draws)]
    if not len(defined):
        return Interval(float("nan"), float("nan"))
    low, high = np.quantile(defined, ((1 - level) / 2, (1 + level) / 2)).tolist()
    return Interval(low, high)


def _by_score(truth: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights (D, S) of the positives and of the negatives at each of S distinct scores, rising."""
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-np.inf)) if len(ordered) else np.zeros(0, int)
    if not len(starts):
        return np.zeros((len(weights), 1)), np.zeros((len(weights), 1))
    own = weights[:, order]
    positive = truth[order] == 1
    return np.add.reduceat(own * positive, starts, axis=1), np.add.reduceat(own * ~positive, starts, axis=1)


def _divided(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    quotient: np.ndarray = np.divide(a, b, out=np.full(len(a), np.nan), where=b > 0)
    return quotient
