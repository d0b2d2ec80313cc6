"""COCO's summary metrics: each is a mean over entries of the precision or recall array."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

_IOUS = tuple(range(10))  # 0.50, 0.55, …, 0.95
_IOU_50, _IOU_75 = (0,), (5,)


@dataclass(frozen=True)
class SummaryMetric:
    """One metric of COCO's summary.

    Attributes:
        array: ``"precision"`` or ``"recall"``.
        ious: indices of the IoU thresholds to average over.
        area: index of the area range.
        limit: index into the maximum numbers of detections per image.
    """

    array: str
    ious: tuple[int, ...] = _IOUS
    area: int = 0
    limit: int = -1


#: Boxes and masks: areas all, small, medium, large; limits 1, 10, 100 (https://cocodataset.org/#detection-eval).
DETECTION_METRICS: Mapping[str, SummaryMetric] = {
    "AP": SummaryMetric("precision"),
    "AP50": SummaryMetric("precision", _IOU_50),
    "AP75": SummaryMetric("precision", _IOU_75),
    "APs": SummaryMetric("precision", area=1),
    "APm": SummaryMetric("precision", area=2),
    "APl": SummaryMetric("precision", area=3),
    "AR1": SummaryMetric("recall", limit=0),
    "AR10": SummaryMetric("recall", limit=1),
    "AR100": SummaryMetric("recall", limit=2),
    "ARs": SummaryMetric("recall", area=1),
    "ARm": SummaryMetric("recall", area=2),
    "ARl": SummaryMetric("recall", area=3),
}

#: Keypoints: areas all, medium, large; limit 20 (https://cocodataset.org/#keypoints-eval).
KEYPOINT_METRICS: Mapping[str, SummaryMetric] = {
    "AP": SummaryMetric("precision"),
    "AP50": SummaryMetric("precision", _IOU_50),
    "AP75": SummaryMetric("precision", _IOU_75),
    "APm": SummaryMetric("precision", area=1),
    "APl": SummaryMetric("precision", area=2),
    "AR": SummaryMetric("recall"),
    "AR50": SummaryMetric("recall", _IOU_50),
    "AR75": SummaryMetric("recall", _IOU_75),
    "ARm": SummaryMetric("recall", area=1),
    "ARl": SummaryMetric("recall", area=2),
}


def summarize(
    metrics: Mapping[str, SummaryMetric], precision: np.ndarray, recall: np.ndarray, *, classes: slice = slice(None)
) -> dict[str, float]:
    """Average the arrays of a COCO evaluation into metrics.

    Args:
        metrics: name → metric.
        precision: (T, R, K, A, M), see `hub.evaluation.coco_backend.precision_and_recall`.
        recall: (T, K, A, M), likewise.
        classes: the classes to average over.

    Returns:
        Name → value from 0 to 1, or NaN if no object defines it.

    >>> precision, recall = -np.ones((10, 101, 2, 4, 3)), -np.ones((10, 2, 4, 3))
    >>> precision[:, :, 0, 0] = 0.5
    >>> summarize({"AP": DETECTION_METRICS["AP"], "APs": DETECTION_METRICS["APs"]}, precision, recall)
    {'AP': 0.5, 'APs': nan}
    """
    # Recall gets an axis of length 1 for the recall threshold, so that both arrays have the same axes.
    arrays = {"precision": precision, "recall": recall[:, None]}
    values = {
        name: arrays[metric.array][:, :, classes, metric.area, metric.limit][list(metric.ious)]
        for name, metric in metrics.items()
    }
    defined = {name: v[v > -1] for name, v in values.items()}
    return {name: float(v.mean()) if v.size else float("nan") for name, v in defined.items()}
