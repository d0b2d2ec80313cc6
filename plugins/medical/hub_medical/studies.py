"""A table of studies in CSV: which file belongs to which patient, and what is known of it."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from hub.errors import did_you_mean
from hub_medical.errors import MissingGroupError, StudyTableError

Uncertain = Literal["mask", "0", "1"]
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
    """

    paths: list[Path]
    patients: list[str]
    findings: tuple[str, ...]
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.paths)


def read_studies(
    file: str | os.PathLike[str],
    *,
    path: str,
    patient: str,
    findings: Sequence[str],
    uncertain: Uncertain,
) -> StudyTable:
    """Read a table of studies.

    Args:
        file: CSV with a header line.
        path: the column of the files, relative to the table's folder.
        patient: the column that groups studies of one patient.
        findings: the columns of findings: 1, 0, −1 or u for uncertain, empty for not known.
        uncertain: what uncertain ones count as: "mask" (not known), "0" or "1". There is no default: it changes
            results (Irvin et al., CheXpert, 2019, https://arxiv.org/abs/1901.07031, section 3).

    Raises:
        StudyTableError: the file or a column is missing, a value is none of these, or a study occurs twice.
        MissingGroupError: a row without a patient.
    """
    file = Path(file)
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            columns = list(reader.fieldnames or ())
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise StudyTableError(f"{file} cannot be read: {error}", fix="give a CSV file in UTF-8") from None
    for column in (path, patient, *findings):
        if column not in columns:
            raise StudyTableError(
                f"{file} has no column {column!r}.{did_you_mean(column, columns)}",
                fix=f"its columns are {', '.join(columns) or '(none)'}",
            )
    values = np.full((len(rows), len(findings)), np.nan, np.float32)
    seen: dict[str, int] = {}
    for number, row in enumerate(rows):
        line = number + 2
        if not (row[patient] or "").strip():
            raise MissingGroupError(f"{file}, line {line}: no patient", fix=f"fill the column {patient!r}")
        if row[path] in seen:
            raise StudyTableError(
                f"{file}, line {line}: the study of line {seen[row[path]]} again", fix="leave one of the lines"
            )
        seen[row[path]] = line
        values[number] = [_value(row[f], uncertain, f"{file}, line {line}, {f}") for f in findings]
    return StudyTable(
        paths=[file.parent / row[path] for row in rows],
        patients=[row[patient].strip() for row in rows],
        findings=tuple(findings),
        values=values,
    )


def _value(text: str | None, uncertain: Uncertain, where: str) -> float:
    word = (text or "").strip().lower()
    if word in _UNKNOWN or (word in _UNCERTAIN and uncertain == "mask"):
        return float("nan")
    if word in _UNCERTAIN:
        return float(uncertain)
    if word in ("0", "0.0", "1", "1.0"):
        return float(word)
    raise StudyTableError(f"{where}: {text!r} is no finding", fix="write 1, 0, -1 for uncertain, or nothing")
