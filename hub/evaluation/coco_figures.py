"""COCO's figures: which entries of the precision and recall arrays each of them is the mean of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

_IOUS = tuple(range(10))  # 0.50, 0.55, …, 0.95
_IOU_50, _IOU_75 = (0,), (5,)


@dataclass(frozen=True)
class Figure:
    """One figure of COCO's summary.

    Attributes:
        array: ``"precision"`` or ``"recall"``.
        ious: positions of the IoU thresholds to average over.
        area: position among the area ranges.
        limit: position among the limits of detections an image.
    """

    array: str
    ious: tuple[int, ...] = _IOUS
    area: int = 0
    limit: int = -1


#: Boxes and masks: areas all, small, medium, large; limits 1, 10, 100 (https://cocodataset.org/#detection-eval).
DETECTION_FIGURES: Mapping[str, Figure] = {
    "AP": Figure("precision"),
    "AP50": Figure("precision", _IOU_50),
    "AP75": Figure("precision", _IOU_75),
    "APs": Figure("precision", area=1),
    "APm": Figure("precision", area=2),
    "APl": Figure("precision", area=3),
    "AR1": Figure("recall", limit=0),
    "AR10": Figure("recall", limit=1),
    "AR100": Figure("recall", limit=2),
    "ARs": Figure("recall", area=1),
    "ARm": Figure("recall", area=2),
    "ARl": Figure("recall", area=3),
}

#: Keypoints: areas all, medium, large; limit 20 (https://cocodataset.org/#keypoints-eval).
KEYPOINT_FIGURES: Mapping[str, Figure] = {
    "AP": Figure("precision"),
    "AP50": Figure("precision", _IOU_50),
    "AP75": Figure("precision", _IOU_75),
    "APm": Figure("precision", area=1),
    "APl": Figure("precision", area=2),
    "AR": Figure("recall"),
    "AR50": Figure("recall", _IOU_50),
    "AR75": Figure("recall", _IOU_75),
    "ARm": Figure("recall", area=1),
    "ARl": Figure("recall", area=2),
}


def summarize(
    figures: Mapping[str, Figure], precision: np.ndarray, recall: np.ndarray, *, classes: slice = slice(None)
) -> dict[str, float]:
    """Average the arrays of a COCO evaluation into figures.

    Args:
        figures: by name.
        precision: (T, R, K, A, M), as `hub.evaluation.coco_backend.precision_and_recall` returns it.
        recall: (T, K, A, M), likewise.
        classes: the classes to average over.

    Returns:
        Each figure by name, a fraction, or NaN where nothing defines it.

    >>> precision, recall = -np.ones((10, 101, 2, 4, 3)), -np.ones((10, 2, 4, 3))
    >>> precision[:, :, 0, 0] = 0.5
    >>> summarize({"AP": DETECTION_FIGURES["AP"], "APs": DETECTION_FIGURES["APs"]}, precision, recall)
    {'AP': 0.5, 'APs': nan}
    """
    # Recall gets an axis of one recall threshold, so that both arrays are indexed alike.
    arrays = {"precision": precision, "recall": recall[:, None]}
    values = {
        name: arrays[figure.array][list(figure.ious)][:, :, classes, figure.area, figure.limit]
        for name, figure in figures.items()
    }
    defined = {name: v[v > -1] for name, v in values.items()}
    return {name: float(v.mean()) if v.size else float("nan") for name, v in defined.items()}
