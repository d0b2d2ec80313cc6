"""The studies of one part of a split with their findings: what a dataset and its metric share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hub import LabelSpace
from hub_medical.studies.study_case import CaseRule
from hub_medical.studies.table import Uncertain


@dataclass(frozen=True, eq=False)
class StudySet:
    """Studies in the order of the dataset.

    Attributes:
        name: of the dataset, for messages and the title of reports.
        split: the part that is scored.
        labels: the findings.
        ids: of the images.
        files: of every image: a file, or the folder of its slices.
        patients: of every image.
        findings: (len, classes) float32: 0, 1, or NaN where a finding is unknown.
        calibration: (len,) bool, the images on which thresholds and temperatures are chosen; not scored.
        case: how a study is read, for pictures.
        calibrate_on: the part that they are from, or None.
        specificity: at which sensitivity is reported.
        draws: bootstrap samples of patients.
        uncertain: what uncertain findings count as.
    """

    name: str
    split: str
    labels: LabelSpace
    ids: Sequence[int | str]
    files: Sequence[Path]
    patients: Sequence[str]
    findings: np.ndarray
    calibration: np.ndarray
    case: CaseRule
    calibrate_on: str | None = None
    specificity: float = 0.9
    draws: int = 1000
    uncertain: Uncertain | Mapping[str, Uncertain] | None = None
