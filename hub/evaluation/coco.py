"""COCO's metric for whatever dataset has objects."""

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
from hub.evaluation.checks import index_of
from hub.evaluation.coco_backend import precision_and_recall
from hub.evaluation.coco_shapes import SHAPES, Found
from hub.evaluation.coco_summary import summarize
from hub.evaluation.coco_table import CocoTable, Record
from hub.labels import LabelSpace

if TYPE_CHECKING:
    from hub.contract.dataset import Dataset

log = logging.getLogger("hub")


@contextmanager
def _garbage_collection_paused() -> Iterator[None]:
    """Pause the collector, which would walk hundreds of thousands of new records again and again and free none."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class CocoMetric:
    """COCO's average precision and recall of `hub.Detections`, a `hub.Metric`.

    Every image of the dataset counts: in one that was never given to `update`, all objects are missed. One
    that is given twice counts once, with the results that came first (this metric's before those it merges).
    Classes are matched by name. Detections of a class that the dataset lacks are left out and their number is
    logged; a class of the dataset that the model lacks counts as missed.

    Only packed arrays are kept. What is pickled are the detections: another process merges them into its own metric.

    Args:
        dataset: gives the annotations as its files have them, with crowds, areas and the smallest objects.
        labels: the label space of the results.
        iou_type: ``"bbox"``, ``"segm"`` or ``"keypoints"``.
        sigmas: for keypoints, the standard deviation of each as a fraction of the object's scale; by default
            COCO's where there are 17, and 0.05 for each otherwise.

    Raises:
        OptionError: there is no such ``iou_type``.
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
        if iou_type not in SHAPES:
            raise OptionError(
                f"no iou_type {iou_type!r}.{did_you_mean(iou_type, SHAPES)}",
                fix=f"one of {', '.join(SHAPES)}",
            )
        if dataset.instances is None:
            raise DataError(f"{dataset.name} has no objects to score against", fix="evaluate on a dataset of objects")
        self.name = dataset.name
        self.labels = labels
        self.iou_type = iou_type
        self.classes = dataset.label_spaces["instances"]
        self.instances = dataset.instances
        self._sizes = [(height, width) for height, width in np.asarray(dataset.sizes).tolist()]
        self.shapes = SHAPES[iou_type](dataset.instances, dataset.name, sigmas)
        # COCO's code sorts images by id, which settles the order of equal scores; the numbers keep it.
        ids = sorted(dataset.ids, key=lambda i: (isinstance(i, str), i))
        self.numbers = {image: number for number, image in enumerate(ids, start=1)}
        self.images = {image: index for index, image in enumerate(dataset.ids)}
        self.found: dict[int | str, Found] = {}
        self._images: list[Record] = [
            {"id": self.numbers[image], "height": height, "width": width}
            for image, (height, width) in zip(dataset.ids, self._sizes, strict=True)
        ]
        self._categories: list[Record] = [{"id": i, "name": name} for i, name in enumerate(self.classes.names, start=1)]
        self._to_class = np.asarray(labels.map_to(self.classes), np.int64)
        missing = [name for name, i in zip(self.classes.names, self.classes.map_to(labels), strict=True) if i < 0]
        if missing:
            log.warning("%s: the model does not know %s; they count as missed", self.name, ", ".join(missing))

    def update(self, results: Sequence[Result]) -> None:
        """Take in the `hub.Detections` of some images.

        Raises:
            DataError: an image is not of this dataset.
            LabelMismatchError: a result has other labels than the metric was made for.
            ContractError: a result lacks the boxes, masks or keypoints to score.
        """
        for result in results:
            index = index_of(result, self.images, self.name)
            if result.image_id not in self.found:
                self.found[result.image_id] = self._pack(result, index)

    def __getstate__(self) -> dict[str, Any]:
        """What another process needs to merge: the detections, not the annotations that it has itself."""
        return {"found": self.found}

    def merge(self, others: Sequence[Self]) -> None:
        """Take in what metrics of the same dataset and ``iou_type`` gathered in other processes."""
        for other in others:
            self.found = {**other.found, **self.found}

    def compute(self) -> Evaluation:
        """Return the twelve metrics of COCO's summary (ten for keypoints), ``AP`` the main one, and each class's.

        NaN stands where no object defines a metric, for example ``APs`` of a dataset without small objects.
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

    def _pack(self, result: Result, index: int) -> Found:
        """Pack one result, with the model's labels."""
        shapes = getattr(result, self.shapes.field, None)
        if not isinstance(result, Detections) or shapes is None:
            raise ContractError(
                f"the result for image {result.image_id!r} has no {self.shapes.field}, but iou_type "
                f"{self.iou_type!r} scores them",
                fix=f"let the head's results() give {self.shapes.field}, or score another iou_type",
            )
        if result.label_space is not self.labels and result.label_space != self.labels:
            raise LabelMismatchError(
                f"the result for image {result.image_id!r} has other labels than the metric was made for",
                fix="make the metric with the head's own labels",
            )
        size = self._sizes[index]
        return Found(size, result.labels.numpy(), result.scores.numpy(), self.shapes.pack(shapes, size))

    def _detections(self) -> CocoTable:
        """Return the detections of all images whose class the dataset has; the number of the others is logged."""
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
            log.warning("%s does not have %s: left out %d detections", self.name, ", ".join(unknown), dropped)
        table = CocoTable(images[keep], classes[keep] + 1, boxes=np.zeros((int(keep.sum()), 4)), scores=scores[keep])
        return self.shapes.detections(table, found, keep)

    def _truth(self) -> CocoTable:
        """Return the annotations; they are numbered from 1, since COCO's code takes the id 0 for "not matched"."""
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
