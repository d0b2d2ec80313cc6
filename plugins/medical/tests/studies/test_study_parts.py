from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hub.errors import DataError, OptionError
from hub_medical.errors import PatientOverlapError
from hub_medical.studies.study_parts import chosen_rows, study_parts
from hub_medical.studies.table import StudyTable

FILE = Path("studies.csv")


def table(patients: list[str], parts: list[str] | None = None) -> StudyTable:
    return StudyTable([FILE] * len(patients), patients, ("a",), np.zeros((len(patients), 1), np.float32), parts)


def split(patients: list[str], parts: list[str] | None = None, **options: int) -> dict[str, list[int]]:
    return study_parts(
        table(patients, parts),
        **{"folds": 4, "fold": 0, "test_fold": 1, "seed": 0, **options},
        file=FILE,
    )


def test_folds_divide_no_patient_and_leave_no_row_out() -> None:
    patients = [f"p{i % 13}" for i in range(40)]
    parts = split(patients)
    assert sorted(row for word in ("train", "val", "test") for row in parts[word]) == parts["all"] == list(range(40))
    owners = [{patients[row] for row in parts[word]} for word in ("train", "val", "test")]
    assert sum(map(len, owners)) == 13
    other = split(patients, fold=2)
    assert other["test"] == parts["test"]
    assert other["val"] != parts["val"]


def test_a_column_is_taken_at_its_word_unless_it_divides_a_patient() -> None:
    assert split(["p", "q", "p"], ["train", "holdout", "train"])["holdout"] == [1]
    with pytest.raises(PatientOverlapError, match="1 patient is in both train and val"):
        split(["p", "q", "p"], ["train", "val", "val"])
    with pytest.raises(DataError, match="line 3: the part is ''"):
        split(["p", "q"], ["train", ""])


def test_what_is_refused() -> None:
    with pytest.raises(OptionError, match="both val and test"):
        split(list("pqrst"), fold=1)
    with pytest.raises(DataError, match="fold 7 of 4"):
        split(list("pqrst"), fold=7)
    parts = {"all": [0, 1, 2], "train": [0], "val": [1], "test": [2]}
    assert chosen_rows(parts, "test", "val", file=FILE) == ([2], [1])
    with pytest.raises(DataError, match="no part 'vall'. Did you mean val"):
        chosen_rows(parts, "test", "vall", file=FILE)
    for one, other in (("val", "val"), ("all", "val")):
        with pytest.raises(OptionError, match="choose its own thresholds"):
            chosen_rows(parts, one, other, file=FILE)
    with pytest.raises(OptionError, match="would learn from"):
        chosen_rows(parts, "train", "val", file=FILE)
