from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import OptionError
from hub_medical.errors import MissingGroupError, PatientOverlapError
from hub_medical.splits import check_split, fold_of

PATIENTS = st.lists(st.text("abcdefgh", min_size=1, max_size=2), min_size=2, max_size=40)


@given(PATIENTS, st.integers(2, 5), st.integers(0, 9), st.randoms())
def test_folds_keep_patients_whole_and_do_not_depend_on_the_order(
    patients: list[str], folds: int, seed: int, random: object
) -> None:
    folds = min(folds, len(set(patients)))
    if folds < 2:
        return
    found = fold_of(patients, folds=folds, seed=seed)
    by_patient = dict(zip(patients, found, strict=True))
    assert [by_patient[p] for p in patients] == found
    sizes = [list(by_patient.values()).count(fold) for fold in range(folds)]
    assert max(sizes) - min(sizes) <= 1
    assert fold_of(patients[::-1], folds=folds, seed=seed) == found[::-1]


def test_another_seed_is_another_split() -> None:
    patients = [str(i) for i in range(20)]
    assert fold_of(patients, folds=4, seed=0) != fold_of(patients, folds=4, seed=1)


def test_overlap_raises_without_naming_anybody() -> None:
    check_split({"train": ["a", "a"], "val": ["b"], "test": ["c"]})
    with pytest.raises(PatientOverlapError, match="1 patient is in both train and test") as caught:
        check_split({"train": ["JANE", "b"], "val": ["c"], "test": ["JANE"]})
    assert "JANE" not in str(caught.value)


def test_everybody_needs_a_patient() -> None:
    with pytest.raises(MissingGroupError, match="the first is number 2"):
        fold_of(["a", " "], folds=2)
    with pytest.raises(OptionError, match="3 folds of 2 patients"):
        fold_of(["a", "b"], folds=3)
