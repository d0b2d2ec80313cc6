"""Mask R-CNN (He et al. 2017, https://arxiv.org/abs/1703.06870): Faster R-CNN with a mask per object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor
from typing_extensions import TypeVar

from hub import Batch, Detections, LabelSpace, Metric
from hub.data import Dataset
from hub_detection.results import detections
from hub_detection.two_stage.faster_rcnn import FasterRCNN
from hub_detection.two_stage.mask_head import MaskHead
from hub_detection.two_stage.options import MaskOptions, MaskRCNNOptions
from hub_detection.two_stage.results import with_masks

O = TypeVar("O", bound=MaskOptions, default=MaskRCNNOptions)  # noqa: E741


class MaskRCNN(FasterRCNN[O]):
    """`FasterRCNN` with a `MaskHead`.

    Args:
        channels, strides, labels: as for `FasterRCNN`.
        options: see `MaskRCNNOptions`.
    """

    Options: ClassVar[type[MaskOptions]] = MaskRCNNOptions
    needs = frozenset({"boxes", "masks"})

    def __init__(self, channels: Mapping[str, int], strides: Mapping[str, int], labels: LabelSpace, options: O) -> None:
        super().__init__(channels, strides, labels, options)
        o = options
        self.mask_head = MaskHead(
            channels[o.pool_levels[0]],
            len(labels),
            self.make_pool(o.mask_pooler_resolution),
            self.max_positives,
            width=o.mask_head_channels,
            depth=o.mask_head_num_convs,
            norm=o.mask_head_norm,
        )
        self.mask_thresh = o.mask_thresh

    def roi_branches(self) -> tuple[MaskHead]:
        """Return the mask branch."""
        return (self.mask_head,)

    def results(self, predictions: Mapping[str, Tensor], batch: Batch) -> list[Detections]:
        """Return one `hub.Detections` per image, on the CPU, boxes and masks in pixels of the original files."""
        found = detections(predictions, batch, self.labels)
        return with_masks(found, predictions, threshold=self.mask_thresh)

    def metric(self, dataset: Dataset) -> Metric:
        """Return COCO's twelve metrics over boxes and over masks; the AP of masks is the main one."""
        from hub.evaluation import CocoMetric, JointMetric

        return JointMetric(
            {
                "box": CocoMetric(dataset, self.labels, iou_type="bbox"),
                "mask": CocoMetric(dataset, self.labels, iou_type="segm"),
            },
            main="mask",
        )
