from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hub_medical.errors import MissingGroupError, StudyTableError
from hub_medical.studies.table import StudyTable, Uncertain, read_studies

HEAD = "file,person,edema,pneumonia\n"


def read(tmp_path: Path, text: str, *, uncertain: Uncertain = "mask", finding: str = "edema") -> StudyTable:
    (tmp_path / "studies.csv").write_text(text)
    return read_studies(
        tmp_path / "studies.csv", path="file", patient="person", findings=[finding, "pneumonia"], uncertain=uncertain
    )


@pytest.mark.parametrize(("uncertain", "value"), [("mask", np.nan), ("zero", 0), ("one", 1)])
def test_uncertain_findings_by_policy(tmp_path: Path, uncertain: Uncertain, value: float) -> None:
    table = read(tmp_path, HEAD + "a.png,p1,1,-1\nb.png,p1,0.0,\nc.png,p2,u,0\n", uncertain=uncertain)
    np.testing.assert_array_equal(table.values, np.array([[1, value], [0, np.nan], [value, 0]], np.float32))
    assert table.patients == ["p1", "p1", "p2"]
    assert table.paths[0] == tmp_path / "a.png"


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyTableError, match="no column 'oedema'. Did you mean edema"):
        read(tmp_path, HEAD, finding="oedema")
    with pytest.raises(StudyTableError, match="line 3, edema: '2' is no finding"):
        read(tmp_path, HEAD + "a.png,p,1,0\nb.png,p,2,0\n")
    with pytest.raises(MissingGroupError, match="line 2: no patient"):
        read(tmp_path, HEAD + "a.png,,1,0\n")
    with pytest.raises(StudyTableError, match="line 3: the study of line 2 again"):
        read(tmp_path, HEAD + "a.png,p,1,0\na.png,p,1,0\n")
