"""Base class of all heads that predict boxes, one-stage and two-stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor
from typing_extensions import TypeVar

from hub import Batch, Detections, Head, Metric
from hub.contract import Weights, WindowLayout, WindowMerger
from hub.data import Dataset
from hub_detection.options import DetectionOptions
from hub_detection.results import detections
from hub_detection.windows import DetectionMerger

if TYPE_CHECKING:
    import numpy as np

O = TypeVar("O", bound=DetectionOptions, default=DetectionOptions)  # noqa: E741


class DetectionHead(Head[O, Detections]):
    """Turn ``boxes``, ``scores``, ``labels`` and ``valid`` into results, metrics and drawings."""

    needs = frozenset({"boxes"})

    def results(self, predictions: Mapping[str, Tensor], batch: Batch) -> list[Detections]:
        """Return one `hub.Detections` per image, on the CPU, boxes in pixels of the original files."""
        return detections(predictions, batch, self.labels)

    def window_merger(self, whole: Batch, layout: WindowLayout, *, weights: Weights) -> WindowMerger:
        """Return a `DetectionMerger`, which keeps every object once."""
        return DetectionMerger(self.results, whole, layout, nms_thresh=self.options.nms_thresh)

    def metric(self, dataset: Dataset) -> Metric:
        """Return COCO's twelve metrics over boxes."""
        from hub.evaluation import CocoMetric

        return CocoMetric(dataset, self.labels, iou_type="bbox")

    def draw(self, image: np.ndarray, result: Detections, *, score: float = 0.5) -> np.ndarray:
        """Return a copy of the image with the boxes of at least this score drawn on it."""
        from hub.visual import draw_detections

        return draw_detections(image, result, score=score)


def padded_size(batch: Batch) -> tuple[int, int]:
    """Return height and width of the padded images in pixels."""
    return batch.images.shape[2], batch.images.shape[3]
