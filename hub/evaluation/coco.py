"""COCO's average precision and recall, for every dataset with objects."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from hub.contract.metric import Evaluation
from hub.contract.results import Detections, Result
from hub.errors import ContractError, DataError, LabelMismatchError, OptionError, did_you_mean
from hub.evaluation.checks import image_index
from hub.evaluation.coco_backend import precision_and_recall
from hub.evaluation.coco_summary import summarize
from hub.evaluation.coco_table import CocoTable, Record
from hub.evaluation.iou_types import IOU_TYPES, PackedDetections
from hub.labels import LabelSpace

if TYPE_CHECKING:
    from hub.contract.dataset import Dataset

log = logging.getLogger("hub")


@contextmanager
def _garbage_collection_paused() -> Iterator[None]:
    """Pause garbage collection, which would scan hundreds of thousands of new records repeatedly and free none."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class CocoMetric:
    """COCO's average precision and recall of `hub.Detections`, a `hub.Metric`.

    Every image of the dataset counts: all objects of an image that was never given to `update` are missed. If an
    image is given twice, its first results count (those of this metric before those of merged ones).
    Classes are matched by name. Detections of classes that the dataset lacks are ignored and their number is logged;
    objects of classes that the model lacks are missed.

    The metric keeps packed arrays only. Pickling keeps the detections, which another process merges into its metric.

    Args:
        dataset: has the annotations, with crowds, areas and small objects as in its files.
        labels: the label space of the results.
        iou_type: ``"bbox"``, ``"segm"`` or ``"keypoints"``.
        sigmas: for keypoints, the standard deviation of each keypoint as a fraction of the object scale; by default
            COCO's for 17 keypoints, and 0.05 for each otherwise.

    Raises:
        OptionError: unknown ``iou_type``.
        DataError: the dataset has no objects, masks or keypoints.

    Reference: Lin et al., Microsoft COCO, https://arxiv.org/abs/1405.0312; https://cocodataset.org/#detection-eval
    """

    def __init__(
        self,
        dataset: Dataset,
        labels: LabelSpace,
        iou_type: str = "bbox",
        *,
        sigmas: Sequence[float] | None = None,
    ) -> None:
        if iou_type not in IOU_TYPES:
            raise OptionError(
                f"unknown iou_type {iou_type!r}.{did_you_mean(iou_type, IOU_TYPES)}",
                fix=f"choose {', '.join(IOU_TYPES)}",
            )
        if dataset.instances is None:
            raise DataError(f"{dataset.name} has no objects to score against", fix="evaluate on a dataset of objects")
        self.name = dataset.name
        self.labels = labels
        self.iou_type = iou_type
        self.classes = dataset.label_spaces["instances"]
        self.instances = dataset.instances
        self._sizes = [(height, width) for height, width in np.asarray(dataset.sizes).tolist()]
        self.shapes = IOU_TYPES[iou_type](dataset.instances, dataset.name, sigmas)
        # COCO's code sorts images by id, which decides the order of equal scores; these numbers keep that order.
        ids = sorted(dataset.ids, key=lambda i: (isinstance(i, str), i))
        self.numbers = {image: number for number, image in enumerate(ids, start=1)}
        self.images = {image: index for index, image in enumerate(dataset.ids)}
        self.found: dict[int | str, PackedDetections] = {}
        self._images: list[Record] = [
            {"id": self.numbers[image], "height": height, "width": width}
            for image, (height, width) in zip(dataset.ids, self._sizes, strict=True)
        ]
        self._categories: list[Record] = [{"id": i, "name": name} for i, name in enumerate(self.classes.names, start=1)]
        self._to_class = np.asarray(labels.map_to(self.classes), np.int64)
        missing = [name for name, i in zip(self.classes.names, self.classes.map_to(labels), strict=True) if i < 0]
        if missing:
            log.warning(
                "%s: the model does not have the classes %s; their objects count as missed",
                self.name, ", ".join(missing),
            )  # fmt: skip

    def update(self, results: Sequence[Result]) -> None:
        """Add the `hub.Detections` of some images.

        Raises:
            DataError: an image does not belong to this dataset.
            LabelMismatchError: a result has other labels than the metric.
            ContractError: a result lacks the boxes, masks or keypoints to score.
        """
        for result in results:
            index = image_index(result, self.images, self.name)
            if result.image_id not in self.found:
                self.found[result.image_id] = self._pack(result, index)

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process needs to merge: the detections, not the annotations."""
        return {"found": self.found}

    def merge(self, others: Sequence[Self]) -> None:
        """Add what metrics of the same dataset and ``iou_type`` collected in other processes."""
        for other in others:
            self.found = {**other.found, **self.found}

    def compute(self) -> Evaluation:
        """Return the twelve metrics of COCO's summary (ten for keypoints), in total and per class; ``AP`` is main.

        A metric is NaN if no object defines it, for example ``APs`` of a dataset without small objects.
        """
        with _garbage_collection_paused():
            precision, recall = precision_and_recall(
                self._images, self._categories, self._truth(), self._detections(), self.iou_type,
                sigmas=self.shapes.sigmas,
            )  # fmt: skip
        metrics = self.shapes.metrics
        return Evaluation(
            metrics=summarize(metrics, precision, recall),
            main="AP",
            per_class={
                name: summarize(metrics, precision, recall, classes=slice(k, k + 1))
                for k, name in enumerate(self.classes.names)
            },
        )

    def _pack(self, result: Result, index: int) -> PackedDetections:
        """Pack one result, with the labels of the model."""
        shapes = getattr(result, self.shapes.field, None)
        if not isinstance(result, Detections) or shapes is None:
            raise ContractError(
                f"the result for image {result.image_id!r} has no {self.shapes.field}, which iou_type "
                f"{self.iou_type!r} scores",
                fix=f"return {self.shapes.field} from the head's results(), or choose another iou_type",
            )
        if result.label_space is not self.labels and result.label_space != self.labels:
            raise LabelMismatchError(
                f"the result for image {result.image_id!r} has other labels than the metric",
                fix="create the metric with the labels of the head",
            )
        size = self._sizes[index]
        return PackedDetections(size, result.labels.numpy(), result.scores.numpy(), self.shapes.pack(shapes, size))

    def _detections(self) -> CocoTable:
        """Return the detections whose class the dataset has; log the number of the others."""
        found = list(self.found.values())
        labels = np.concatenate([np.zeros(0, np.int64), *(one.labels for one in found)])
        scores = np.concatenate([np.zeros(0, np.float32), *(one.scores for one in found)]).astype(np.float64)
        images = np.repeat(
            np.array([self.numbers[image] for image in self.found], np.int64),
            np.array([len(one.labels) for one in found], np.int64),
        )
        classes = self._to_class[labels]
        keep = classes >= 0
        if not keep.all():
            unknown = [name for name, i in zip(self.labels.names, self._to_class, strict=True) if i < 0]
            dropped = int((~keep).sum())
            log.warning(
                "%s does not have the classes %s: ignored %d detections", self.name, ", ".join(unknown), dropped
            )
        table = CocoTable(images[keep], classes[keep] + 1, boxes=np.zeros((int(keep.sum()), 4)), scores=scores[keep])
        return self.shapes.detections(table, found, keep)

    def _truth(self) -> CocoTable:
        """Return the annotations, numbered from 1, because COCO's code uses the id 0 for "not matched"."""
        instances = self.instances
        numbers = np.array([self.numbers[image] for image in self.images], np.int64)
        corners, far = instances.boxes[:, :2], instances.boxes[:, 2:]
        table = CocoTable(
            image_ids=np.repeat(numbers, np.diff(instances.offsets)),
            category_ids=instances.labels + 1,
            boxes=np.concatenate([corners, far - corners], axis=1),
            areas=instances.area,
            crowd=instances.crowd,
        )
        return self.shapes.annotations(table)
