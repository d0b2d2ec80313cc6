"""Free-response ROC: lesions found against false alarms an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hub_medical.errors import MetricError

RATES = (1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8)  # false positives an image, as LUNA16 averages over


@dataclass(frozen=True)
class ImageFindings:
    """What was marked in one image.

    Attributes:
        scores: (D,) of the marks.
        lesions: (D,) int, the lesion that a mark hits, or −1.
        count: of lesions in the image.
    """

    scores: np.ndarray
    lesions: np.ndarray
    count: int

    @classmethod
    def from_overlap(cls, scores: np.ndarray, overlap: np.ndarray, *, threshold: float) -> ImageFindings:
        """A mark hits the lesion that it overlaps most, if by ``threshold`` or more.

        Args:
            scores: (D,).
            overlap: (D, lesions), such as IoU, or 1 where a mark's center is inside.
            threshold: of the overlap.
        """
        count = overlap.shape[1]
        if not count:
            return cls(scores, np.full(len(scores), -1), 0)
        return cls(scores, np.where(overlap.max(axis=1) >= threshold, overlap.argmax(axis=1), -1), count)


@dataclass(frozen=True)
class Froc:
    """The curve.

    Attributes:
        rates: false positives an image, rising from 0.
        sensitivities: share of all lesions found at each.
        score: mean sensitivity at `RATES`; beyond the last false positive the curve stays level.
    """

    rates: np.ndarray
    sensitivities: np.ndarray
    score: float

    def at(self, rate: float) -> float:
        """The best sensitivity with at most ``rate`` false positives an image."""
        return float(self.sensitivities[self.rates <= rate + 1e-12].max(initial=0))


def froc(images: Sequence[ImageFindings]) -> Froc:
    """The free-response ROC curve over images, those without lesions included.

    A lesion counts once, by its best mark; other marks on it count neither way. Marks of equal score come together.
    Reference: Setio et al., LUNA16, 2017, https://arxiv.org/abs/1612.08012, section 4.

    Raises:
        MetricError: no image, or no lesion in any.
    """
    total = sum(image.count for image in images)
    if not total:
        raise MetricError(f"no lesion in {len(images)} images", fix="FROC needs lesions")
    hits: list[float] = []
    alarms: list[float] = []
    for image in images:
        alarms += image.scores[image.lesions < 0].tolist()
        hits += [float(image.scores[image.lesions == n].max()) for n in set(image.lesions[image.lesions >= 0].tolist())]
    thresholds = np.unique([*hits, *alarms])[::-1]
    found = np.array([0, *((np.array(hits) >= t).sum() for t in thresholds)]) / total
    rates = np.array([0, *((np.array(alarms) >= t).sum() for t in thresholds)]) / len(images)
    curve = Froc(rates, found, 0.0)
    return Froc(rates, found, float(np.mean([curve.at(rate) for rate in RATES])))
