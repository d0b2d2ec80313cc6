"""Scores for parts of volumes: put together to volumes, or as they are."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from hub import Evaluation, LabelSpace, Result
from hub.contract import IGNORE
from hub.data import Dataset
from hub.errors import DataError
from hub.evaluation import expect_result, image_index, nan_mean, target_labels
from hub.inference import importance
from hub_medical.errors import MetricError
from hub_medical.segmentation.patch_result import PatchScores
from hub_medical.segmentation.truth import VolumeTruth
from hub_medical.segmentation.volume_metric import VolumeMetric
from hub_medical.volumes.slicing import patch_start


@dataclass
class OpenCase:
    """The patches of a case before the last one has arrived.

    Attributes:
        scores: (classes, N, H, W) float32, weighted sums.
        weights: (N,) float32.
        places: of the patches that are in it.
    """

    scores: np.ndarray
    weights: np.ndarray
    places: set[int] = field(default_factory=set)

    def add(self, other: OpenCase) -> None:
        """Take in other patches of the same case."""
        self.scores += other.scores
        self.weights += other.weights
        self.places |= other.places


class PatchVolumeMetric(VolumeMetric):
    """As `VolumeMetric`, of patches: where they overlap, probabilities are averaged, those at their ends least.

    A volume's probabilities are held until its last patch has arrived: in one process those of one volume, in several
    those of all that its patches are divided among.

    Args:
        truth: the labels to score against.
        places: image id → its case and the first slice of its step.
        labels: of the model; classes that the dataset does not have count as background.
    """

    def __init__(self, truth: VolumeTruth, places: Mapping[int | str, tuple[int, int]], labels: LabelSpace) -> None:
        super().__init__(truth, places, labels)
        self.open: dict[int, OpenCase] = {}

    def update(self, results: Sequence[Result]) -> None:
        """Take in the `PatchScores` of some patches; one that is given twice counts once.

        Raises:
            DataError: a patch is not of this dataset.
            ContractError: a result is no `PatchScores`.
            MetricError: patches do not cover all slices.
        """
        for result in results:
            case, place = self._place(result)
            scores = expect_result(result, PatchScores).probabilities.float().numpy()
            depth, step = scores.shape[1], self.truth.step
            if depth < step:
                raise MetricError(
                    f"patches of {depth} slices every {step} slices leave some out",
                    fix=f"set step to {depth} or less in data.val",
                )
            if case not in self.open:
                count = self.truth.slice_count(case)
                shape = (len(scores), count, *scores.shape[2:])
                self.open[case] = OpenCase(np.zeros(shape, np.float32), np.zeros(count, np.float32))
            known = self.open[case]
            if place in known.places or case in self.planes:
                continue
            start = patch_start(place, step, depth)
            inside = slice(max(0, -start), min(depth, len(known.weights) - start))
            where = slice(start + inside.start, start + inside.stop)
            weights = importance((depth,)).numpy()[inside]
            known.scores[:, where] += scores[:, inside] * weights[:, None, None]
            known.weights[where] += weights
            known.places.add(place)
            self._close(case)

    def __getstate__(self) -> dict[str, Any]:
        """What another process needs to merge."""
        return {**super().__getstate__(), "open": self.open}

    def merge(self, others: Sequence[Self]) -> None:
        """Take in the patches that metrics of the same dataset gathered in other processes, each of them once."""
        super().merge(others)
        for other in others:
            for case, known in other.open.items():
                if case in self.planes:
                    continue
                if case in self.open:
                    self.open[case].add(known)
                else:
                    self.open[case] = known
                self._close(case)

    def compute(self) -> Evaluation:
        """See `VolumeMetric.compute`.

        Raises:
            MetricError: a patch of a volume is missing.
        """
        for case, known in self.open.items():
            raise MetricError(
                f"{self.truth.cases[case].id}: {len(known.places)} of {len(self._expected(case))} patches were "
                "predicted",
                fix="score whole volumes, not some patches",
            )
        return super().compute()

    def _expected(self, case: int) -> set[int]:
        return set(self.truth.image_slices(case))

    def _close(self, case: int) -> None:
        """Once the last patch has arrived, keep the classes only; weights do not change which is the largest."""
        if self.open[case].places >= self._expected(case):
            classes = self._index[self.open.pop(case).scores.argmax(0)]
            self.planes[case] = {i: zlib.compress(plane.tobytes(), 1) for i, plane in enumerate(classes)}


class PatchMetric:
    """Dice of patches as they are, independent of the volumes that they are from: voxels are summed over all patches.

    Args:
        dataset: gives the map of each patch, (D, H, W), as its file has it.
        labels: of the results; a voxel of a class that the dataset lacks is wrong.
        name: of the map.

    Raises:
        DataError: the dataset has no such map.
    """

    def __init__(self, dataset: Dataset, labels: LabelSpace, name: str = "semantic") -> None:
        self.dataset, self.map = dataset, name
        self.classes = target_labels(dataset, name)
        self.images = {image: index for index, image in enumerate(dataset.ids)}
        to_class = np.asarray(labels.map_to(self.classes), np.int64)
        self._to_class = np.where(to_class < 0, len(self.classes), to_class)
        self.counts = np.zeros((3, len(self.classes)), np.int64)  # in both, annotated, predicted
        self.seen: set[int | str] = set()

    def update(self, results: Sequence[Result]) -> None:
        """Take in the `PatchScores` of some patches; one that is given twice counts once.

        Raises:
            DataError: a patch is not of this dataset, or of another shape.
            ContractError: a result is no `PatchScores`.
        """
        for result in results:
            index = image_index(result, self.images, self.dataset.name)
            if result.image_id in self.seen:
                continue
            prediction = self._to_class[expect_result(result, PatchScores).classes.numpy()]
            truth = self.dataset.load(index, frozenset({self.map})).maps[self.map]
            if truth.shape != prediction.shape:
                raise DataError(
                    f"{self.dataset.name}: image {result.image_id!r} has labels of shape {truth.shape}, but the "
                    f"prediction {prediction.shape}",
                    fix="evaluate on data of patches, such as nifti-patches",
                )
            counted = truth != IGNORE
            both = truth[counted][truth[counted] == prediction[counted]]
            for row, values in enumerate((both, truth[counted], prediction[counted])):
                self.counts[row] += np.bincount(values.ravel(), minlength=len(self.classes) + 1)[: len(self.classes)]
            self.seen.add(result.image_id)

    def __getstate__(self) -> dict[str, Any]:
        """What another process needs to merge."""
        return {"counts": self.counts, "seen": self.seen}

    def merge(self, others: Sequence[Self]) -> None:
        """Take in what metrics of other patches of the same dataset gathered in other processes."""
        for other in others:
            self.counts += other.counts
            self.seen |= other.seen

    def compute(self) -> Evaluation:
        """``mDice``, the mean over classes that are annotated or predicted."""
        both, annotated, predicted = self.counts
        sizes = annotated + predicted
        dice = np.divide(2 * both, sizes, out=np.full(len(sizes), np.nan), where=sizes > 0).tolist()
        return Evaluation(
            metrics={"mDice": nan_mean(dice)},
            main="mDice",
            per_class={name: {"Dice": value} for name, value in zip(self.classes.names, dice, strict=True)},
        )
