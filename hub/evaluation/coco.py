"""COCO's metric for whatever dataset has objects."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hub.contract.head import Evaluation
from hub.contract.results import Result
from hub.errors import ContractError, DataError, LabelMismatchError, OptionError, did_you_mean
from hub.evaluation.checks import index_of
from hub.evaluation.coco_backend import precision_and_recall
from hub.evaluation.coco_shapes import SHAPES, Found
from hub.evaluation.coco_summary import summarize
from hub.labels import LabelSpace

if TYPE_CHECKING:
    from hub.contract.dataset import Dataset

log = logging.getLogger("hub")


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
        self.sizes = np.asarray(dataset.sizes)
        self.shapes = SHAPES[iou_type](dataset.instances, dataset.name, sigmas)
        # COCO's code sorts images by id, which settles the order of equal scores; the numbers keep it.
        ids = sorted(dataset.ids, key=lambda i: (isinstance(i, str), i))
        self.numbers = {image: number for number, image in enumerate(ids, start=1)}
        self.images = {image: index for index, image in enumerate(dataset.ids)}
        self.found: dict[int | str, Found] = {}
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
            index_of(result, self.images, self.name)
            if result.image_id not in self.found:
                self.found[result.image_id] = self._pack(result)

    def __getstate__(self) -> dict[str, Any]:
        """What another process needs to merge: the detections, not the annotations that it has itself."""
        return {"found": self.found}

    def merge(self, others: Sequence[Any]) -> None:
        """Take in what metrics of the same dataset and ``iou_type`` gathered in other processes."""
        for other in others:
            self.found = {**other.found, **self.found}

    def compute(self) -> Evaluation:
        """The twelve metrics of COCO's summary (ten for keypoints), ``AP`` the main one, and each class's.

        NaN stands where no object defines a metric, for example ``APs`` of a dataset without small objects.
        """
        dropped = sum(one.dropped for one in self.found.values())
        if dropped:
            unknown = [name for name, i in zip(self.labels.names, self._to_class, strict=True) if i < 0]
            log.warning("%s does not have %s: left out %d detections", self.name, ", ".join(unknown), dropped)
        precision, recall = precision_and_recall(
            self._truth(), self.shapes.results(self._in_order()), self.iou_type, sigmas=self.shapes.sigmas
        )
        metrics = self.shapes.metrics
        return Evaluation(
            metrics=summarize(metrics, precision, recall),
            main="AP",
            per_class={
                name: summarize(metrics, precision, recall, classes=slice(k, k + 1))
                for k, name in enumerate(self.classes.names)
            },
        )

    def _pack(self, result: Any) -> Found:
        """Pack one result, its labels turned into the dataset's."""
        shapes = getattr(result, self.shapes.field, None)
        if shapes is None:
            raise ContractError(
                f"the result for image {result.image_id!r} has no {self.shapes.field}, but iou_type "
                f"{self.iou_type!r} scores them",
                fix=f"let the head's results() give {self.shapes.field}, or score another iou_type",
            )
        if result.label_space != self.labels:
            raise LabelMismatchError(
                f"the result for image {result.image_id!r} has other labels than the metric was made for",
                fix="make the metric with the head's own labels",
            )
        labels = self._to_class[result.labels.numpy()]
        keep = labels >= 0
        height, width = self.sizes[self.images[result.image_id]].tolist()
        return Found(
            size=(height, width),
            labels=labels[keep],
            scores=result.scores.double().numpy()[keep],
            shapes=self.shapes.pack(shapes[keep], (height, width)),
            dropped=int((~keep).sum()),
        )

    def _in_order(self) -> Iterator[tuple[int, Found]]:
        return ((self.numbers[image], one) for image, one in self.found.items())

    def _truth(self) -> dict[str, Any]:
        """The annotations in COCO's format; images, annotations and categories are numbered from 1.

        (An annotation's own id may be 0, which COCO's code takes for "not matched".)
        """
        numbers = [self.numbers[image] for image in self.images]
        instances = self.instances
        corners, far = instances.boxes[:, :2], instances.boxes[:, 2:]
        return {
            "images": [
                {"id": number, "height": height, "width": width}
                for number, (height, width) in zip(numbers, self.sizes.tolist(), strict=True)
            ],
            "categories": [{"id": i, "name": name} for i, name in enumerate(self.classes.names, start=1)],
            "annotations": [
                {
                    "id": row + 1,
                    "image_id": image,
                    "category_id": label + 1,
                    "bbox": box,
                    "area": area,
                    "iscrowd": int(crowd),
                    **self.shapes.annotation(row),
                }
                for row, (image, label, box, area, crowd) in enumerate(
                    zip(
                        np.repeat(numbers, np.diff(instances.offsets)).tolist(),
                        instances.labels.tolist(),
                        np.concatenate([corners, far - corners], axis=1).tolist(),
                        instances.area.tolist(),
                        instances.crowd.tolist(),
                        strict=True,
                    )
                )
            ],
        }
