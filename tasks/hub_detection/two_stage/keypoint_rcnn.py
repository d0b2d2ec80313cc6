"""Keypoint R-CNN (He et al. 2017, https://arxiv.org/abs/1703.06870, section 5): Faster R-CNN with keypoints."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from hub import Batch, Detections, LabelSpace, Metric
from hub.data import Dataset
from hub.errors import DataError
from hub_detection.results import detections, with_keypoints
from hub_detection.two_stage.faster_rcnn import FasterRCNN
from hub_detection.two_stage.keypoint_head import KeypointHead
from hub_detection.two_stage.options import KeypointRCNNOptions


class KeypointRCNN(FasterRCNN):
    """`FasterRCNN` with a `KeypointHead`.

    Args:
        channels, strides, labels: as for `FasterRCNN`.
        options: see `KeypointRCNNOptions`.
    """

    Options = KeypointRCNNOptions
    needs = frozenset({"boxes", "keypoints"})

    def __init__(
        self,
        channels: Mapping[str, int],
        strides: Mapping[str, int],
        labels: LabelSpace,
        options: KeypointRCNNOptions,
    ) -> None:
        super().__init__(channels, strides, labels, options)
        o = options
        self.sigmas = o.keypoint_sigmas
        self.keypoints = o.num_keypoints
        self.keypoint_head = KeypointHead(
            channels[o.pool_levels[0]],
            o.num_keypoints,
            self.make_pool(o.keypoint_pooler_resolution),
            self.max_positives,
            width=o.keypoint_head_channels,
            depth=o.keypoint_head_num_convs,
        )

    def roi_branches(self) -> tuple[KeypointHead]:
        """The keypoints."""
        return (self.keypoint_head,)

    def check_dataset(self, dataset: Dataset) -> None:
        """Refuse data whose objects have another number of keypoints.

        Raises:
            DataError: names both numbers.
        """
        points = getattr(dataset.instances, "keypoints", None)
        if points is not None and points.shape[1] != self.keypoints:
            raise DataError(
                f"the objects of {dataset.name} have {points.shape[1]} keypoints, but the head has {self.keypoints}",
                fix=f"give keypoint-rcnn the option num_keypoints: {points.shape[1]}",
            )

    def results(self, predictions: Mapping[str, Tensor], batch: Batch) -> list[Detections]:
        """One `hub.Detections` an image, on the CPU, boxes and keypoints in pixels of the original files."""
        return with_keypoints(detections(predictions, batch, self.labels), predictions, batch)

    def metric(self, dataset: Dataset) -> Metric:
        """COCO's metrics over boxes and over keypoints; the keypoints' AP is the main one."""
        from hub.evaluation import CocoMetric, JointMetric

        return JointMetric(
            {
                "box": CocoMetric(dataset, self.labels, iou_type="bbox"),
                "keypoint": CocoMetric(dataset, self.labels, iou_type="keypoints", sigmas=self.sigmas),
            },
            main="keypoint",
        )
