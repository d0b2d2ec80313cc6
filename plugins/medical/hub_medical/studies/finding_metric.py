"""Scores images and studies by their findings: intervals over patients, thresholds from other patients."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from hub import Classification, Evaluation, LabelSpace, Result
from hub.evaluation import expect_result, image_index
from hub.files import to_json
from hub_medical.studies.finding_report import finding_data, finding_page, worst_first
from hub_medical.studies.finding_scores import RANKING, Chosen, FindingScores, choose, score_findings
from hub_medical.studies.study_result import StudyScores
from hub_medical.studies.study_set import StudySet

logger = logging.getLogger("hub")

PICTURED = 24  # of the worst cases


class FindingMetric:
    """AUROC, average precision, sensitivity at a specificity, and calibration of every finding.

    Findings that are not known count nowhere. Thresholds and temperatures are chosen on the images of the dataset's
    ``calibrate_on``, and the metrics are those of the others. Without such images there is neither sensitivity nor
    calibration after scaling: they are NaN.

    Args:
        studies: findings, patients, and which images to calibrate on.
        labels: of the results.
    """

    def __init__(self, studies: StudySet, labels: LabelSpace) -> None:
        self.studies = studies
        self.classes = studies.labels
        self.images = {image: index for index, image in enumerate(studies.ids)}
        self.from_label = np.asarray(self.classes.map_to(labels), np.int64)
        self.scores: dict[int, np.ndarray] = {}  # by image, (classes,)
        self.attention: dict[int, np.ndarray] = {}  # by image, (slices,), where the head has some

    def update(self, results: Sequence[Result]) -> None:
        """Take in the `hub.Classification` of some images; one that is given twice counts once.

        Raises:
            DataError: an image is not of this dataset.
            ContractError: a result is no `hub.Classification`.
        """
        for result in results:
            index = image_index(result, self.images, self.studies.name)
            scores = expect_result(result, Classification).scores.numpy()
            self.scores[index] = np.where(self.from_label >= 0, scores[self.from_label], 0.0).astype(np.float32)
            if isinstance(result, StudyScores):
                self.attention[index] = result.attention.numpy()

    def __getstate__(self) -> dict[str, Any]:
        """What another process needs to merge."""
        return {"scores": self.scores, "attention": self.attention}

    def merge(self, others: Sequence[Self]) -> None:
        """Take in what metrics of the same dataset gathered in other processes."""
        for other in others:
            self.scores.update(other.scores)
            self.attention.update(other.attention)

    def compute(self) -> Evaluation:
        """``AUROC`` (the main metric) and the others as means over the findings; the report and the cases as files."""
        data = self.studies
        seen = np.array(sorted(self.scores), np.int64)
        calibration = seen[data.calibration[seen]] if len(seen) else seen
        scored = seen[~data.calibration[seen]] if len(seen) else seen
        if len(calibration):
            chosen = choose(data.findings[calibration], self._scores(calibration), data.specificity)
        else:
            logger.info("%s: no calibrate_on, so no sensitivity and no scaled calibration", data.name)
            chosen = [Chosen()] * len(self.classes)
        patients = [data.patients[index] for index in scored]
        truth, scores = data.findings[scored], self._scores(scored)
        mean, each = score_findings(truth, scores, patients, chosen, draws=data.draws)
        by_name = dict(zip(self.classes.names, each, strict=True))
        order = worst_first(truth, scores)
        found = finding_data(
            title=f"{data.name}: {len(scored)} images of {len(set(patients))} patients",
            settings=self._settings(len(calibration)),
            mean=mean,
            findings=by_name,
            cases=[self._case(int(scored[place])) for place in order],
        )
        shown = [self._shown(int(scored[place])) for place in order[:PICTURED]]
        return Evaluation(
            metrics=_flat(mean),
            main="AUROC",
            per_class={name: _flat(one) for name, one in by_name.items()},
            files={"report.html": finding_page(found, shown), "cases.json": to_json(found, indent=2)},
        )

    def _scores(self, images: np.ndarray) -> np.ndarray:
        """(N, classes) float64."""
        rows = [self.scores[index] for index in images.tolist()]
        return np.array(rows, np.float64).reshape(len(rows), len(self.classes))

    def _case(self, index: int) -> dict[str, Any]:
        case: dict[str, Any] = {
            "case": str(self.studies.ids[index]),
            "findings": {
                name: {"truth": float(truth), "score": round(float(score), 6)}
                for name, truth, score in zip(
                    self.classes.names, self.studies.findings[index], self.scores[index], strict=True
                )
            },
        }
        if index in self.attention:
            case["attention"] = [round(float(weight), 4) for weight in self.attention[index]]
        return case

    def _shown(self, index: int) -> tuple[np.ndarray, list[int]]:
        """The image, or of a study the slice with most attention; and which of its slices the weights are of."""
        weights = self.attention.get(index)
        if weights is None:
            return self.studies.case.picture(self.studies.files[index])
        return self.studies.case.picture(self.studies.files[index], len(weights), int(weights.argmax()))

    def _settings(self, calibration: int) -> dict[str, Any]:
        data = self.studies
        on = f"{data.calibrate_on}, {calibration} images" if calibration else "nothing: set calibrate_on"
        return {
            "split": data.split,
            "thresholds and temperatures chosen on": on,
            "specificity there": data.specificity,
            "uncertain findings": data.uncertain or "none in the table",
            "bootstrap samples of patients": data.draws,
        }


def _flat(one: FindingScores) -> dict[str, float]:
    """Figures with their intervals as one mapping."""
    flat: dict[str, float] = {}
    for name, value in one.metrics.items():
        flat[name] = value
        if name in RANKING:
            flat[f"{name}_low"], flat[f"{name}_high"] = one.intervals[name]
    return flat
