"""Splits by patient: all of a patient's cases are on one side."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hub.errors import AnnotationError, DataError, OptionError
from hub_medical.errors import MissingGroupError, PatientOverlapError

if TYPE_CHECKING:
    from hub_medical.io.folders import Case


def fold_of(patients: Sequence[str], *, folds: int, seed: int = 0) -> list[int]:
    """The fold of each case, 0 … folds − 1, nearly equal in patients.

    It is a function of the set of patients and the seed, not of the order or number of their cases.

    Args:
        patients: the patient of each case.
        folds: at least 2, at most as many as patients.
        seed: another one gives another split.

    Raises:
        MissingGroupError: a case has no patient.
        OptionError: fewer patients than folds, or fewer than two folds.

    >>> folds = fold_of(["a", "a", "b", "c"], folds=3)
    >>> folds[0] == folds[1], sorted(set(folds))
    (True, [0, 1, 2])
    """
    _check_groups(patients)
    unique = sorted(set(patients), key=lambda patient: _shuffled(patient, seed))
    if not 2 <= folds <= len(unique):
        raise OptionError(
            f"{folds} folds of {len(unique)} patients", fix="use at least 2 folds, and no more than there are patients"
        )
    place = {patient: number % folds for number, patient in enumerate(unique)}
    return [place[patient] for patient in patients]


def check_split(parts: Mapping[str, Sequence[str]]) -> None:
    """Refuse a split that has a patient in two parts.

    Args:
        parts: name of the part → the patient of each of its cases.

    Raises:
        PatientOverlapError: counts them; patients are not named, as their keys may be names.
        MissingGroupError: a case has no patient.

    >>> check_split({"train": ["a", "b"], "val": ["b"]})
    Traceback (most recent call last):
    hub_medical.errors.PatientOverlapError: 1 patient is in both train and val
      fix: split by patient, not by study or slice
    """
    names = list(parts)
    for part in parts.values():
        _check_groups(part)
    for number, one in enumerate(names):
        for other in names[number + 1 :]:
            both = len(set(parts[one]) & set(parts[other]))
            if both:
                raise PatientOverlapError(
                    f"{both} patient{'s are' if both > 1 else ' is'} in both {one} and {other}",
                    fix="split by patient, not by study or slice",
                )


def split_cases(
    cases: Sequence[Case], *, split: str, folds: int, fold: int, seed: int = 0, file: Path | None = None
) -> dict[str, list[Case]]:
    """The cases of both sides of a split, "train" and "val", and "all".

    Args:
        cases: to split.
        split: with "all", nothing is held out: "train" is everything, too.
        folds: see `fold_of`.
        fold: the one held out.
        seed: see `fold_of`.
        file: in the form of nnU-Net's splits_final.json, instead of folds and seed.

    Raises:
        DataError: there is no such fold.
        AnnotationError: the file cannot be read.
        PatientOverlapError: it has a patient on both sides.
        OptionError, MissingGroupError: see `fold_of`.
    """
    if split == "all":
        return {"all": list(cases), "train": list(cases)}
    if file is not None:
        held = _from_file(file, fold, cases)
    else:
        of = fold_of([case.patient for case in cases], folds=folds, seed=seed)
        if fold >= folds:
            raise DataError(f"fold {fold} of {folds}", fix="folds are counted from 0")
        held = {
            "train": [c for c, number in zip(cases, of, strict=True) if number != fold],
            "val": [c for c, number in zip(cases, of, strict=True) if number == fold],
        }
    check_split({side: [case.patient for case in part] for side, part in held.items()})
    return {"all": list(cases), **held}


def _from_file(path: Path, fold: int, cases: Sequence[Case]) -> dict[str, list[Case]]:
    known = {case.id: case for case in cases}
    try:
        chosen = json.loads(path.read_text(encoding="utf-8"))[fold]
        return {side: [known[id] for id in chosen[side]] for side in ("train", "val")}
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise AnnotationError(
            f"{path} gives no split for fold {fold}: {type(error).__name__}: {error}",
            fix='it holds a list with {"train": [ids], "val": [ids]} for every fold',
        ) from None


def _check_groups(patients: Sequence[str]) -> None:
    missing = [number for number, patient in enumerate(patients) if not str(patient).strip()]
    if missing:
        raise MissingGroupError(
            f"{len(missing)} cases have no patient, the first is number {missing[0] + 1}",
            fix="give every case the key of its patient",
        )


def _shuffled(patient: str, seed: int) -> bytes:
    return hashlib.blake2b(f"{seed}/{patient}".encode(), digest_size=8).digest()
