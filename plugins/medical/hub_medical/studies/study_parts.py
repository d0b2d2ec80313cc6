"""Which part of a split each row of a table of studies is in: by a column, or by folds of patients."""

from __future__ import annotations

from pathlib import Path

from hub.errors import DataError, OptionError, did_you_mean
from hub_medical.splits import check_split, fold_of
from hub_medical.studies.table import StudyTable

ALL = "all"


def study_parts(
    table: StudyTable, *, folds: int, fold: int, test_fold: int | None, seed: int, file: Path
) -> dict[str, list[int]]:
    """The rows of every part, "all" among them.

    Args:
        table: with `StudyTable.parts`, or without: then "val" is one fold, "test" another one, "train" all others.
        folds, seed: see `hub_medical.splits.fold_of`.
        fold: the one that is "val".
        test_fold: the one that is "test", or None.
        file: for messages.

    Raises:
        PatientOverlapError: the column has a patient in two parts.
        DataError: a row without a part, or a fold out of range.
        OptionError: "val" and "test" are one fold; see also `hub_medical.splits.fold_of`.
    """
    words = table.parts
    if words is None:
        if max(fold, test_fold or 0) >= folds:
            raise DataError(f"fold {max(fold, test_fold or 0)} of {folds}", fix="folds are counted from 0")
        if fold == test_fold:
            raise OptionError(f"fold {fold} is both val and test", fix="choose another test_fold")
        names = {fold: "val", test_fold: "test"}
        words = [names.get(number, "train") for number in fold_of(table.patients, folds=folds, seed=seed)]
    for number, word in enumerate(words):
        if word in ("", ALL):
            raise DataError(f"{file}, line {number + 2}: the part is {word!r}", fix="write train, val or test")
    parts = {word: [n for n, w in enumerate(words) if w == word] for word in dict.fromkeys(words)}
    check_split({word: [table.patients[n] for n in rows] for word, rows in parts.items()})
    return {ALL: list(range(len(table))), **parts}


def chosen_rows(
    parts: dict[str, list[int]], split: str, calibrate_on: str | None, *, file: Path
) -> tuple[list[int], list[int]]:
    """The rows to read, and those to calibrate on.

    Raises:
        DataError: there is no such part.
        OptionError: data to learn from, or to score, would be calibrated on.
    """
    if calibrate_on is not None and (ALL in (split, calibrate_on) or split == calibrate_on):
        raise OptionError(
            f"calibrate_on: {calibrate_on} for split {split}: what is scored must not choose its own thresholds",
            fix="choose another part, such as split: test with calibrate_on: val",
        )
    if calibrate_on is not None and split == "train":
        raise OptionError(
            "calibrate_on with split train: a model would learn from the images to calibrate on",
            fix="give it with the part that is scored last, such as split: test",
        )
    for word in (split, *(() if calibrate_on is None else (calibrate_on,))):
        if word not in parts:
            raise DataError(
                f"{file} has no part {word!r}.{did_you_mean(word, parts)}", fix=f"it has {', '.join(parts)}"
            )
    return parts[split], [] if calibrate_on is None else parts[calibrate_on]
