from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from hub_medical.metrics.ranking import (
    bootstrap_weights,
    weighted_auroc,
    weighted_average_precision,
    weighted_share,
)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=15))
def test_weights_are_repetitions(rows: list[tuple[bool, int, int]]) -> None:
    """An image of weight 3 counts as three images, ties and all; scikit-learn is the oracle."""
    truth, scores, counts = (np.array(column) for column in zip(*rows, strict=True))
    repeated_truth, repeated_scores = truth.repeat(counts), scores.repeat(counts)
    weights = np.stack([counts, 2 * counts]).astype(float)
    area = weighted_auroc(truth.astype(int), scores.astype(float), weights)
    precision = weighted_average_precision(truth.astype(int), scores.astype(float), weights)
    if len(np.unique(repeated_truth)) == 2:
        assert area == pytest.approx([roc_auc_score(repeated_truth, repeated_scores)] * 2)
        assert precision == pytest.approx([average_precision_score(repeated_truth, repeated_scores)] * 2)
    else:
        assert np.isnan(area).all()
        assert np.isnan(precision).all() == (not repeated_truth.any())
    share = weighted_share(scores > 2, truth, weights)
    chosen = repeated_scores[repeated_truth.astype(bool)] > 2
    assert share == pytest.approx([chosen.mean() if len(chosen) else np.nan] * 2, nan_ok=True)


def test_patients_are_drawn_whole() -> None:
    (weights,) = bootstrap_weights(["a", "b", "a", "c"], draws=200)
    assert (weights[:, 0] == weights[:, 2]).all()
    assert (weights[:, [0, 1, 3]].sum(axis=1) == 3).all()
    assert len({tuple(row) for row in weights.tolist()}) > 5
    assert list(bootstrap_weights(["a", "a"], draws=200)) == []
