"""The metrics of depth estimation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from hub import Evaluation, Result
from hub.errors import ContractError, DataError
from hub_depth.result import DepthMap

if TYPE_CHECKING:
    from hub.data import Dataset

BASE = 1.25  # of δ₁, δ₂, δ₃
_SUMS = ("delta1", "delta2", "delta3", "abs_rel", "squared", "squared_log", "log10")


class DepthMetric:
    """The metrics of Eigen et al. 2014 (https://arxiv.org/abs/1406.2283, section 4.2), a `hub.Metric`.

    All are means over every known pixel of the data set, as in the paper: an image counts by its known pixels. Answers
    are taken as they are; no factor is fitted to an image.

    Args:
        dataset: gives the depth of each image as its file has it.
        name: of the map.

    Raises:
        DataError: the dataset has no such map.
    """

    def __init__(self, dataset: Dataset, name: str = "depth") -> None:
        if name not in dataset.provides:
            raise DataError(f"{dataset.name} has no {name!r} to score against", fix="evaluate on data that provide it")
        self.dataset, self.map = dataset, name
        self.images = {image: index for index, image in enumerate(dataset.ids)}
        self.count = 0
        self.sums = np.zeros(len(_SUMS), np.float64)
        self.seen: set[int | str] = set()

    def update(self, results: Sequence[Result]) -> None:
        """Take in the `DepthMap` of some images; an image that is given twice counts once.

        Raises:
            DataError: an image is not of this dataset, or its depth has another size.
            ContractError: a result is no `DepthMap`.
        """
        for result in results:
            if not isinstance(result, DepthMap):
                raise ContractError(
                    f"the result for image {result.image_id!r} is a {type(result).__name__}, not a DepthMap",
                    fix="score the results of the head depth",
                )
            if result.image_id not in self.images:
                raise DataError(
                    f"{self.dataset.name} has no image {result.image_id!r}",
                    fix="evaluate results of this dataset's images",
                )
            if result.image_id not in self.seen:
                self._add(self.images[result.image_id], result)
                self.seen.add(result.image_id)

    def __getstate__(self) -> dict[str, Any]:
        """What another process needs to merge: the sums."""
        return {"count": self.count, "sums": self.sums, "seen": self.seen}

    def merge(self, others: Sequence[Self]) -> None:
        """Take in what metrics of other images of the same dataset gathered in other processes."""
        for other in others:
            self.count += other.count
            self.sums += other.sums
            self.seen |= other.seen

    def compute(self) -> Evaluation:
        """``delta1`` (the main metric), ``delta2``, ``delta3``, of which more is better, and errors.

        ``deltaN`` is the share of pixels where max(prediction / truth, truth / prediction) < 1.25ᴺ. ``RMSE`` is in
        the unit of the data.
        """
        mean = dict(zip(_SUMS, (self.sums / self.count if self.count else self.sums * math.nan).tolist(), strict=True))
        errors = {
            "AbsRel": mean["abs_rel"],
            "RMSE": math.sqrt(mean["squared"]),
            "RMSE_log": math.sqrt(mean["squared_log"]),
            "log10": mean["log10"],
        }
        return Evaluation(
            metrics={**{name: mean[name] for name in ("delta1", "delta2", "delta3")}, **errors},
            main="delta1",
            units=dict.fromkeys(errors, ""),
        )

    def _add(self, index: int, result: DepthMap) -> None:
        truth = self.dataset.load(index, frozenset({self.map})).maps[self.map]
        prediction = result.depth.numpy()
        if prediction.shape != truth.shape:
            raise DataError(
                f"the depth of {result.image_id!r} has the shape {prediction.shape}, its annotation {truth.shape}",
                fix="give the prediction at the size of the file",
            )
        known = np.isfinite(truth) & (truth > 0)
        p, t = prediction[known].astype(np.float64), truth[known].astype(np.float64)
        log = np.log(p) - np.log(t)
        ratio = np.maximum(p / t, t / p)
        self.count += len(t)
        self.sums += [
            *((ratio < BASE**n).sum() for n in (1, 2, 3)),
            (np.abs(p - t) / t).sum(),
            np.square(p - t).sum(),
            np.square(log).sum(),
            np.abs(log).sum() / math.log(10),
        ]
