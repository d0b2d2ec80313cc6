"""Splits by patient: all of a patient's cases are on one side."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from hub.errors import OptionError
from hub_medical.errors import MissingGroupError, PatientOverlapError


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


def _check_groups(patients: Sequence[str]) -> None:
    missing = [number for number, patient in enumerate(patients) if not str(patient).strip()]
    if missing:
        raise MissingGroupError(
            f"{len(missing)} cases have no patient, the first is number {missing[0] + 1}",
            fix="give every case the key of its patient",
        )


def _shuffled(patient: str, seed: int) -> bytes:
    return hashlib.blake2b(f"{seed}/{patient}".encode(), digest_size=8).digest()
