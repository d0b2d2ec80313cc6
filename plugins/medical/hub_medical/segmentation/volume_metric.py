"""Scores the slices of volumes as volumes: together, on the grid of the file, by patient."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from hub import Evaluation, LabelSpace, Result, SemanticMap
from hub.errors import DataError, OptionError, did_you_mean
from hub.evaluation import expect_result
from hub.files import to_json
from hub_medical.errors import MetricError
from hub_medical.metrics.cases import CaseScore, SegmentationSummary, score_case, summarize_cases
from hub_medical.reports.report import report_data, report_page
from hub_medical.segmentation.truth import VolumeTruth
from hub_medical.volumes.resample import canonical_grid, restore
from hub_medical.volumes.slicing import put_planes
from hub_medical.volumes.volume import Volume

PICTURED = 24  # of the worst cases


class VolumeMetric:
    """Dice, NSD and HD95 of whole volumes, as means over patients with bootstrap intervals.

    Slices are put together and brought back onto the grid of the file, where they are compared with its labels. Voxels
    to ignore do not count.

    Args:
        truth: the labels to score against.
        places: image id → its case and its slice.
        labels: of the model; classes that the dataset does not have count as background.
    """

    def __init__(self, truth: VolumeTruth, places: Mapping[int | str, tuple[int, int]], labels: LabelSpace) -> None:
        self.truth, self.places = truth, places
        own = truth.labels
        to_own = np.asarray(labels.map_to(own), np.int64)
        background = own.ids.index(0) if 0 in own.ids else 0
        self._index = np.where(to_own < 0, background, to_own).astype(np.uint8)  # in the dataset's labels
        self._values = np.array(own.ids)
        self.planes: dict[int, dict[int, bytes]] = {}  # case → slice → its classes, packed

    def update(self, results: Sequence[Result]) -> None:
        """Add the `hub.SemanticMap` of some slices; a slice that is given twice counts once.

        Raises:
            DataError: a slice is not of this dataset.
            ContractError: a result is not a `hub.SemanticMap`.
        """
        for result in results:
            case, position = self._place(result)
            classes = self._index[expect_result(result, SemanticMap).classes.numpy()]
            self.planes.setdefault(case, {})[position] = zlib.compress(classes.tobytes(), 1)

    def __getstate__(self) -> dict[str, Any]:
        """What another process needs to merge."""
        return {"planes": self.planes}

    def merge(self, others: Sequence[Self]) -> None:
        """Take in the slices that metrics of the same dataset gathered in other processes."""
        for other in others:
            for case, planes in other.planes.items():
                self.planes.setdefault(case, {}).update(planes)

    def compute(self) -> Evaluation:
        """``Dice`` (the main metric) with its interval, ``NSD`` and ``HD95``; the report and the cases as files.

        Raises:
            MetricError: a slice of a volume is missing.
        """
        scores = [self._score(case) for case in sorted(self.planes)]
        summary = summarize_cases(scores)
        dice, nsd, hd95 = (summary.overall[metric] for metric in ("dice", "nsd", "hd95"))
        title = f"{self.truth.title}: {len(scores)} cases"
        data = report_data(summary, title=title, settings=self._settings())
        return Evaluation(
            metrics={
                "Dice": dice.mean,
                "Dice_low": dice.interval.low,
                "Dice_high": dice.interval.high,
                "NSD": nsd.mean,
                "HD95": hd95.mean,
            },
            main="Dice",
            per_class={
                name: {"Dice": row["dice"].mean, "NSD": row["nsd"].mean, "HD95": row["hd95"].mean}
                for name, row in summary.structures.items()
            },
            files={
                "report.html": report_page(data, self._pictures(summary)),
                "cases.json": to_json(data, indent=2),
            },
            units={"HD95": "mm"},
        )

    def _score(self, case: int) -> CaseScore:
        found, name = self.planes[case], self.truth.cases[case].id
        count = self.truth.slice_count(case)
        if len(found) < count:
            raise MetricError(
                f"{name}: {len(found)} of {count} slices were predicted", fix="score whole volumes, not some slices"
            )
        truth = self.truth.volume(case)
        canonical = canonical_grid(truth.grid, self.truth.spacing)
        labels = Volume(put_planes(self._planes(case), self.truth.plane), canonical, name)
        prediction = restore(labels.with_array(self._values[labels.array].astype(truth.array.dtype)), truth.grid)
        if self.truth.folder.ignore is not None:
            counted = truth.array != self.truth.folder.ignore
            prediction, truth = (v.with_array(v.array * counted) for v in (prediction, truth))
        return score_case(
            name,
            self.truth.cases[case].patient,
            prediction,
            truth,
            self.truth.labels,
            tolerance=self.truth.tolerance,
            regions=self.truth.folder.regions,
        )

    def _planes(self, case: int) -> np.ndarray:
        """(N, H, W) uint8 indices into the dataset's labels."""
        found = self.planes[case]
        planes = [np.frombuffer(zlib.decompress(found[i]), np.uint8) for i in range(len(found))]
        return np.stack(planes).reshape(-1, *self.truth.slice_shape(case))

    def _pictures(self, summary: SegmentationSummary) -> Mapping[str, np.ndarray]:
        numbers = {case.id: number for number, case in enumerate(self.truth.cases)}
        return {
            score.case: self.truth.picture(numbers[score.case], self._planes(numbers[score.case]))
            for score in summary.cases[:PICTURED]
        }

    def _settings(self) -> dict[str, Any]:
        truth = self.truth
        return {
            "split": truth.split,
            "plane": truth.plane,
            "spacing, mm": "as in the files" if truth.spacing is None else " × ".join(map(str, truth.spacing)),
            "tolerance of NSD, mm": "none given, so no NSD" if truth.tolerance is None else truth.tolerance,
        }

    def _place(self, result: Result) -> tuple[int, int]:
        if result.image_id not in self.places:
            raise DataError(
                f"{self.truth.name} has no image {result.image_id!r}", fix="evaluate results of this dataset's images"
            )
        return self.places[result.image_id]


def check_tolerance(tolerance: float | Mapping[str, float] | None, structures: Sequence[str], *, name: str) -> None:
    """Refuse a tolerance of an unknown structure, or of some structures only, before the first epoch.

    Args:
        tolerance: see `hub_medical.metrics.score_case`.
        structures: their names.
        name: of the data, for messages.

    Raises:
        OptionError: names the structure.
    """
    if not isinstance(tolerance, Mapping):
        return
    for label in tolerance:
        if label not in structures:
            raise OptionError(
                f"tolerance: {name} has no structure {label!r}.{did_you_mean(label, structures)}",
                fix=f"its structures are {', '.join(structures)}",
            )
    if missing := [label for label in structures if label not in tolerance]:
        raise OptionError(f"tolerance: none for {missing[0]!r}", fix="give every structure its own, or one for all")
