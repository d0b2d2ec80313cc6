"""A table of studies in CSV: which file belongs to which patient, and its findings."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from hub.errors import OptionError, did_you_mean
from hub_medical.errors import MissingGroupError, StudyTableError

# The names are those of CheXpert's U-Ignore, U-Zeros and U-Ones.
Uncertain = Literal["mask", "zero", "one"]
_COUNTS_AS = {"mask": float("nan"), "zero": 0.0, "one": 1.0}
_UNKNOWN = {"", "nan", "na"}
_UNCERTAIN = {"-1", "-1.0", "u"}


@dataclass(frozen=True)
class StudyTable:
    """The rows of a table.

    Attributes:
        paths: file or folder of each study.
        patients: the group of each study; splits never divide it.
        findings: names of the columns with findings.
        values: (studies, findings) float32: 0 absent, 1 present, NaN not known.
        parts: the part of a split that each study is in, or None without such a column.
    """

    paths: list[Path]
    patients: list[str]
    findings: tuple[str, ...]
    values: np.ndarray
    parts: list[str] | None = None

    def __len__(self) -> int:
        return len(self.paths)


def read_studies(
    file: str | os.PathLike[str],
    *,
    path: str,
    patient: str,
    findings: Sequence[str],
    uncertain: Uncertain | Mapping[str, Uncertain] | None,
    part: str | None = None,
    folder: str | os.PathLike[str] | None = None,
) -> StudyTable:
    """Read a table of studies.

    Args:
        file: CSV with a header line.
        path: the column of the files, relative to ``folder``.
        patient: the column that groups studies of one patient.
        findings: the columns of findings: 1, 0, −1 or u for uncertain, empty for not known.
        uncertain: what uncertain ones count as: "mask" (not known), "zero" or "one", for all findings or by name.
            None refuses them: there is no default, as the choice changes results (Irvin et al., CheXpert, 2019,
            https://arxiv.org/abs/1901.07031, section 3).
        part: the column with the part of a split that a study is in.
        folder: of the files; by default the table's.

    Raises:
        StudyTableError: the file or a column is missing, a value is none of these, an uncertain one has no rule, or
            a study occurs twice.
        MissingGroupError: a row without a patient.
        OptionError: a rule for a finding that is not read.
    """
    file = Path(file)
    base = file.parent if folder is None else Path(folder)
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            columns = list(reader.fieldnames or ())
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise StudyTableError(f"{file} cannot be read: {error}", fix="give a CSV file in UTF-8") from None
    for column in (path, patient, *findings, *(() if part is None else (part,))):
        if column not in columns:
            raise StudyTableError(
                f"{file} has no column {column!r}.{did_you_mean(column, columns)}",
                fix=f"its columns are {', '.join(columns) or '(none)'}",
            )
    rules = _rules(findings, uncertain)
    values = np.full((len(rows), len(findings)), np.nan, np.float32)
    seen: dict[str, int] = {}
    for number, row in enumerate(rows):
        line = number + 2
        if not (row[patient] or "").strip():
            raise MissingGroupError(f"{file}, line {line}: no patient", fix=f"fill the column {patient!r}")
        if not row[path]:
            raise StudyTableError(f"{file}, line {line}: no file", fix=f"fill the column {path!r}")
        if row[path] in seen:
            raise StudyTableError(
                f"{file}, line {line}: the study of line {seen[row[path]]} again", fix="leave one of the lines"
            )
        seen[row[path]] = line
        values[number] = [_value(row[f], rules[f], f"{file}, line {line}, {f}") for f in findings]
    return StudyTable(
        paths=[base / row[path] for row in rows],
        patients=[row[patient].strip() for row in rows],
        findings=tuple(findings),
        values=values,
        parts=None if part is None else [(row[part] or "").strip() for row in rows],
    )


def _rules(
    findings: Sequence[str], uncertain: Uncertain | Mapping[str, Uncertain] | None
) -> dict[str, Uncertain | None]:
    if not isinstance(uncertain, Mapping):
        return dict.fromkeys(findings, uncertain)
    for name in uncertain:
        if name not in findings:
            raise OptionError(
                f"uncertain: no finding {name!r}.{did_you_mean(name, findings)}",
                fix=f"the findings are {', '.join(findings)}",
            )
    return {name: uncertain.get(name) for name in findings}


def _value(text: str | None, uncertain: Uncertain | None, where: str) -> float:
    word = (text or "").strip().lower()
    if word in _UNKNOWN:
        return float("nan")
    if word in _UNCERTAIN:
        if uncertain is None:
            raise StudyTableError(f"{where}: an uncertain finding", fix="set the option uncertain to mask, zero or one")
        return _COUNTS_AS[uncertain]
    if word in ("0", "0.0", "1", "1.0"):
        return float(word)
    raise StudyTableError(f"{where}: {text!r} is no finding", fix="write 1, 0, -1 for uncertain, or nothing")
