"""From labels to a table: per case and structure, then per patient, then a mean with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hub import LabelSpace
from hub_medical.errors import MetricError
from hub_medical.metrics.bootstrap import Interval, bootstrap_mean
from hub_medical.metrics.overlap import StructureScore, score_structure
from hub_medical.splits import check_split
from hub_medical.volumes.volume import Volume, check_same_grid

METRICS = ("dice", "nsd", "hd95")


@dataclass(frozen=True)
class CaseScore:
    """The metrics of one case.

    Attributes:
        case: its id.
        patient: its patient's key.
        structures: name → metrics.
    """

    case: str
    patient: str
    structures: Mapping[str, StructureScore]

    @property
    def dice(self) -> float:
        """Mean Dice over the structures that are in the reference or the prediction; NaN if none is."""
        return _mean([s.dice for s in self.structures.values()])


@dataclass(frozen=True)
class Summary:
    """One metric of one structure over all patients.

    Attributes:
        mean: over patients, each the mean of its cases.
        interval: 95 % bootstrap interval of the mean, over patients.
        patients: that the mean is of.
    """

    mean: float
    interval: Interval
    patients: int


@dataclass(frozen=True)
class SegmentationSummary:
    """What an evaluation found.

    Attributes:
        structures: name → "dice", "nsd", "hd95" → summary.
        overall: metric → summary of the mean over structures of each patient.
        missed: name → cases that have the structure and in which nothing of it was predicted.
        false_positives: name → cases without the structure in which it was predicted.
        cases: the worst first, by mean Dice.
    """

    structures: Mapping[str, Mapping[str, Summary]]
    overall: Mapping[str, Summary]
    missed: Mapping[str, int]
    false_positives: Mapping[str, int]
    cases: Sequence[CaseScore]


def score_case(
    case: str,
    patient: str,
    prediction: Volume,
    reference: Volume,
    names: LabelSpace,
    *,
    tolerance: float | Mapping[str, float] | None,
    regions: Mapping[str, Sequence[int]] | None = None,
) -> CaseScore:
    """Score every structure of a case; the name with the id 0 is the background, not a structure.

    Args:
        case: its id.
        patient: its patient's key.
        prediction: labels on the grid of the reference.
        reference: labels.
        names: of the structures with their label values.
        tolerance: of NSD in mm, one for all structures or by name; None leaves NSD out.
        regions: structures as unions of label values, by name, in place of ``names``.

    Raises:
        GridMismatchError: the two do not lie on one grid.
        MetricError: a structure without a tolerance.
    """
    check_same_grid(prediction, reference)
    scores = {}
    each = regions or {name: (value,) for name, value in zip(names.names, names.ids, strict=True) if value != 0}
    for name, values in each.items():
        allowed = tolerance.get(name) if isinstance(tolerance, Mapping) else tolerance
        if allowed is None and tolerance is not None:
            raise MetricError(f"no tolerance for {name!r}", fix="give every structure its tolerance in mm")
        scores[name] = score_structure(
            np.isin(prediction.array, values), np.isin(reference.array, values), reference.spacing, tolerance=allowed
        )
    return CaseScore(case, patient, scores)


def summarize_cases(cases: Sequence[CaseScore], *, draws: int = 2000, seed: int = 0) -> SegmentationSummary:
    """Means over patients with intervals; see `StructureScore` for missed and absent structures.

    Raises:
        MetricError: no case.
        MissingGroupError: a case without a patient.
    """
    if not cases:
        raise MetricError("no case to summarize", fix="check the split")
    check_split({"cases": [case.patient for case in cases]})
    names = list(cases[0].structures)
    patients = list(dict.fromkeys(case.patient for case in cases))

    def of_patient(patient: str, name: str, metric: str) -> float:
        return _mean([float(getattr(c.structures[name], metric)) for c in cases if c.patient == patient])

    table = {f: {n: [of_patient(p, n, f) for p in patients] for n in names} for f in METRICS}

    def summary(values: Sequence[float]) -> Summary:
        known = len(values) - int(np.isnan(values).sum())
        return Summary(_mean(values), bootstrap_mean(values, draws=draws, seed=seed), known)

    return SegmentationSummary(
        structures={n: {f: summary(table[f][n]) for f in METRICS} for n in names},
        overall={f: summary([_mean(row) for row in zip(*table[f].values(), strict=True)]) for f in METRICS},
        missed={n: sum(c.structures[n].missed for c in cases) for n in names},
        false_positives={n: sum(c.structures[n].false_positives for c in cases) for n in names},
        cases=sorted(cases, key=lambda c: (np.isnan(c.dice), np.nan_to_num(c.dice))),
    )


def _mean(values: Sequence[float]) -> float:
    known = [v for v in values if not np.isnan(v)]
    return float(np.mean(known)) if known else float("nan")
