from __future__ import annotations

import numpy as np
import pytest
from monai.metrics import compute_froc_curve_data

from hub_medical.errors import MetricError
from hub_medical.metrics import ImageFindings, froc


def test_the_curve_is_monais() -> None:
    random = np.random.default_rng(0)
    images, hits, alarms, lesions = [], [], [], 0
    for _ in range(20):
        count = int(random.integers(0, 4))
        owners = random.integers(-1, count, 12) if count else np.full(12, -1)
        scores = random.random(12)
        images.append(ImageFindings(scores, owners, count))
        hits += [scores[owners == n].max() for n in range(count) if (owners == n).any()]
        alarms += scores[owners < 0].tolist()
        lesions += count
    curve = froc(images)
    rates, found = compute_froc_curve_data(np.array(alarms), np.array(hits), lesions, 20)
    for rate in (0, 1 / 8, 1 / 2, 1, 2, 4):
        reachable = np.asarray(found)[np.asarray(rates) <= rate]
        assert curve.at(rate) == pytest.approx(reachable.max() if len(reachable) else curve.at(0))
    assert 0 < curve.score < 1


def test_by_hand() -> None:
    found = [
        ImageFindings.from_overlap(
            np.array([0.9, 0.8, 0.7]), np.array([[0.6, 0.1], [0.7, 0], [0, 0.2]]), threshold=0.5
        ),
        ImageFindings.from_overlap(np.array([0.95]), np.zeros((1, 0)), threshold=0.5),
    ]
    assert [f.lesions.tolist() for f in found] == [[0, 0, -1], [-1]]
    curve = froc(found)
    assert curve.rates.tolist() == [0, 0.5, 0.5, 1]  # 0.95 alarm, 0.9 hit, 0.7 alarm; 0.8 hits the same lesion again
    assert curve.sensitivities.tolist() == [0, 0, 0.5, 0.5]
    assert curve.score == pytest.approx(5 / 7 * 0.5)


def test_no_marks_and_no_lesions() -> None:
    nothing = np.zeros(0)
    assert froc([ImageFindings(nothing, nothing.astype(int), 3)]).score == 0
    with pytest.raises(MetricError, match="no lesion in 1 images"):
        froc([ImageFindings(nothing, nothing.astype(int), 0)])
