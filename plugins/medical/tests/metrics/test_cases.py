from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from hub import LabelSpace
from hub_medical.errors import GridMismatchError, MetricError, MissingGroupError
from hub_medical.metrics import score_case, summarize_cases
from hub_medical.metrics.cases import CaseScore
from hub_medical.volumes.volume import Volume

NAMES = LabelSpace(("background", "head", "tail"), (0, 1, 2))


def case(number: int, patient: str, *, predicted: list[int], real: list[int]) -> CaseScore:
    """Labels of single voxels along a row."""
    volumes = [Volume.of(np.array(v, np.uint8).reshape(-1, 1, 1), np.diag([1.0, 1, 2, 1])) for v in (predicted, real)]
    return score_case(f"case {number}", patient, *volumes, NAMES, tolerance={"head": 1.0, "tail": 1.0})


def test_patients_count_once_and_missed_structures_count() -> None:
    cases = [
        case(1, "a", predicted=[1, 1, 0, 0], real=[1, 1, 0, 0]),  # head 1, tail absent
        case(2, "a", predicted=[1, 0, 0, 0], real=[1, 1, 1, 0]),  # head 0.5
        case(3, "b", predicted=[0, 0, 0, 2], real=[1, 1, 0, 2]),  # head missed, tail 1
        case(4, "c", predicted=[1, 1, 2, 0], real=[1, 1, 0, 0]),  # head 1, tail a false positive
    ]
    summary = summarize_cases(cases, draws=200)
    assert summary.structures["head"]["dice"].mean == pytest.approx((0.75 + 0 + 1) / 3)
    assert summary.structures["tail"]["dice"].mean == pytest.approx((1 + 0) / 2)
    assert summary.structures["tail"]["dice"].patients == 2
    assert (summary.missed, summary.false_positives) == ({"head": 1, "tail": 0}, {"head": 0, "tail": 1})
    assert summary.overall["dice"].mean == pytest.approx((0.75 + 0.5 + 0.5) / 3)
    assert [c.case for c in summary.cases] == ["case 2", "case 3", "case 4", "case 1"]


def test_missing_a_structure_never_improves_a_mean() -> None:
    good = [case(n, str(n), predicted=[1, 1, 0, 2], real=[1, 1, 1, 2]) for n in range(3)]
    missed = [*good[:2], case(2, "2", predicted=[1, 1, 0, 0], real=[1, 1, 1, 2])]
    before, after = (summarize_cases(c, draws=50).overall for c in (good, missed))
    assert after["dice"].mean < before["dice"].mean
    assert after["nsd"].mean < before["nsd"].mean
    assert after["hd95"].mean > before["hd95"].mean


def test_the_interval_is_scipys_over_patients() -> None:
    random = np.random.default_rng(0)
    cases = [case(n, str(n), predicted=list(random.integers(0, 2, 9)), real=[1] * 9) for n in range(12)]
    values = [c.structures["head"].dice for c in cases]
    oracle = stats.bootstrap((values,), np.mean, n_resamples=2000, method="BCa", rng=np.random.default_rng(0))
    found = summarize_cases(cases).structures["head"]["dice"].interval
    assert found == pytest.approx(tuple(oracle.confidence_interval))
    assert np.isnan(summarize_cases(cases[:1]).structures["head"]["dice"].interval).all()


def test_what_is_refused() -> None:
    with pytest.raises(MissingGroupError, match="no patient"):
        summarize_cases([case(1, "", predicted=[1], real=[1])])
    with pytest.raises(MetricError, match="no case"):
        summarize_cases([])
    one, other = (Volume.of(np.ones((2, 2, n), np.uint8), np.eye(4)) for n in (2, 3))
    with pytest.raises(GridMismatchError):
        score_case("c", "p", one, other, NAMES, tolerance=1)
    with pytest.raises(MetricError, match="no tolerance for 'tail'"):
        score_case("c", "p", one, one, NAMES, tolerance={"head": 1})
