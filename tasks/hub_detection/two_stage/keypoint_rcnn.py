"""Keypoint R-CNN (He et al. 2017, https://arxiv.org/abs/1703.06870, section 5): Faster R-CNN with keypoints."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from hub import Batch, Detections, LabelSpace, Metric
from hub.data import Dataset
from hub.errors import DataError
from hub_detection.results import detections
from hub_detection.two_stage.faster_rcnn import FasterRCNN
from hub_detection.two_stage.keypoint_head import KeypointHead
from hub_detection.two_stage.options import KeypointRCNNOptions
from hub_detection.two_stage.results import with_keypoints


class KeypointRCNN(FasterRCNN[KeypointRCNNOptions]):
    """`FasterRCNN` with a `KeypointHead`.

    Args:
        channels, strides, labels: as for `FasterRCNN`.
        options: see `KeypointRCNNOptions`.
    """

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
        self.keypoint_head = KeypointHead(
            channels[o.pool_levels[0]],
            o.num_keypoints,
            self.make_pool(o.keypoint_pooler_resolution),
            self.max_positives,
            conv_channels=o.keypoint_head_channels,
            num_convs=o.keypoint_head_num_convs,
        )

    def roi_branches(self) -> tuple[KeypointHead]:
        """Return the keypoint branch."""
        return (self.keypoint_head,)

    def check_dataset(self, dataset: Dataset) -> None:
        """Refuse a dataset whose objects have another number of keypoints.

        Raises:
            DataError: names both numbers.
        """
        keypoints = getattr(dataset.instances, "keypoints", None)
        if keypoints is not None and keypoints.shape[1] != self.options.num_keypoints:
            raise DataError(
                f"the objects of {dataset.name} have {keypoints.shape[1]} keypoints, but the head has "
                f"{self.options.num_keypoints}",
                fix=f"set the option num_keypoints: {keypoints.shape[1]} of keypoint-rcnn",
            )

    def results(self, predictions: Mapping[str, Tensor], batch: Batch) -> list[Detections]:
        """Return one `hub.Detections` per image, on the CPU, boxes and keypoints in pixels of the original files."""
        return with_keypoints(detections(predictions, batch, self.labels), predictions, batch)

    def metric(self, dataset: Dataset) -> Metric:
        """Return COCO's metrics over boxes and over keypoints; the AP of keypoints is the main one."""
        from hub.evaluation import CocoMetric, JointMetric

        return JointMetric(
            {
                "box": CocoMetric(dataset, self.labels, iou_type="bbox"),
                "keypoint": CocoMetric(dataset, self.labels, iou_type="keypoints", sigmas=self.options.keypoint_sigmas),
            },
            main="keypoint",
        )
