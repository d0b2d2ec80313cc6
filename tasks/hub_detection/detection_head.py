"""What all heads that answer with boxes share, however they find them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from torch import Tensor

from hub import Batch, Detections, Head, Metric
from hub.contract.window_layout import WindowLayout
from hub.contract.windows import Weights, WindowMerger
from hub.data import Dataset
from hub_detection.results import detections
from hub_detection.windows import DetectionMerger

if TYPE_CHECKING:
    import numpy as np


class BoxOptions(Protocol):
    """The options that `DetectionHead` reads."""

    @property
    def nms_thresh(self) -> float:
        """Overlap above which only the better of two detections of one class stays."""


class DetectionHead(Head):
    """Base of the detectors: from ``boxes``, ``scores``, ``labels`` and ``valid`` to results, metrics and drawings."""

    needs = frozenset({"boxes"})
    options: BoxOptions

    def results(self, predictions: Mapping[str, Tensor], batch: Batch) -> list[Detections]:
        """One `hub.Detections` an image, on the CPU, boxes in pixels of the original files."""
        return detections(predictions, batch, self.labels)

    def window_merger(self, whole: Batch, layout: WindowLayout, *, weights: Weights) -> WindowMerger:
        """The objects of all windows, each once; see `DetectionMerger`."""
        return DetectionMerger(self.results, whole, layout, nms_thresh=self.options.nms_thresh)

    def metric(self, dataset: Dataset) -> Metric:
        """COCO's twelve metrics over boxes."""
        from hub.evaluation import CocoMetric

        return CocoMetric(dataset, self.labels, iou_type="bbox")

    def draw(self, image: np.ndarray, result: Detections, *, score: float = 0.5) -> np.ndarray:
        """A copy of the image with the boxes of at least this score drawn on it."""
        from hub.visual import draw_detections

        return draw_detections(image, result, score=score)


def padded_size(batch: Batch) -> tuple[int, int]:
    """Height and width of the padded images in pixels."""
    return batch.images.shape[2], batch.images.shape[3]
