"""Faster R-CNN (Ren et al. 2015) on a feature pyramid (Lin et al. 2017), with shapes that follow from the batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor

from hub import Batch, ClassRows, Detections, Features, Head, LabelSpace, Metric
from hub.errors import OptionError
from hub_detection.anchors import AnchorGenerator
from hub_detection.box_coder import BoxCoder
from hub_detection.box_head import BoxHead
from hub_detection.matcher import Matcher
from hub_detection.options import FasterRCNNOptions
from hub_detection.results import detections
from hub_detection.roi_align import RoIAlign
from hub_detection.roi_sampler import RoISampler
from hub_detection.rpn import RPN
from hub_detection.targets import instance_targets

if TYPE_CHECKING:
    import numpy as np


class FasterRCNN(Head):
    """A region proposal network, and a head that classifies and refines its boxes.

    Args:
        channels: level → channels; the same for all levels.
        strides: level → stride in pixels.
        labels: the classes.
        options: see `FasterRCNNOptions`.

    Raises:
        OptionError: levels of different widths, or that boxes cannot be pooled from.
    """

    Options = FasterRCNNOptions
    needs = frozenset({"boxes"})

    def __init__(
        self,
        channels: Mapping[str, int],
        strides: Mapping[str, int],
        labels: LabelSpace,
        options: FasterRCNNOptions,
    ) -> None:
        super().__init__(channels, strides, labels, options)
        widths = {channels[level] for level in options.anchor_levels}
        if len(widths) > 1:
            raise OptionError(
                f"faster-rcnn reads levels of one width, not {dict(channels)}",
                fix="use a pyramid, as in faster-rcnn/resnet50-fpn",
            )
        (width,) = widths
        o = options
        anchors = AnchorGenerator(
            [(size,) for size in o.anchor_sizes],
            o.anchor_ratios,
            [strides[level] for level in o.anchor_levels],
            spacing=o.anchor_strides,
        )
        self.rpn = RPN(
            width,
            anchors,
            Matcher(o.rpn_fg_iou, o.rpn_bg_iou, best_too=True),
            samples=o.rpn_samples,
            positive_fraction=o.rpn_positive_fraction,
            nms_threshold=o.rpn_nms_threshold,
            beta=o.smooth_l1_beta,
        )
        self.roi_sampler = RoISampler(Matcher(o.roi_fg_iou, o.roi_bg_iou), o.roi_samples, o.roi_positive_fraction)
        self.box_pool = RoIAlign(
            [strides[level] for level in o.pool_levels],
            size=o.pooled_size,
            sampling_ratio=o.sampling_ratio,
            aligned=o.aligned,
        )
        self.box_head = BoxHead(
            width,
            len(labels),
            pooled_size=o.pooled_size,
            width=o.box_head_width,
            coder=BoxCoder(o.box_weights),
            beta=o.smooth_l1_beta,
        )
        self.anchor_levels, self.pool_levels = o.anchor_levels, o.pool_levels
        self.training_limits = {"candidates": o.rpn_candidates_train, "keep": o.rpn_proposals_train}
        self.test_limits = {"candidates": o.rpn_candidates_test, "keep": o.rpn_proposals_test}
        self.detection_limits: dict[str, Any] = {
            "score_threshold": o.score_threshold,
            "nms_threshold": o.nms_threshold,
            "keep": o.max_detections,
        }

    @classmethod
    def levels(cls, options: FasterRCNNOptions) -> tuple[str, ...]:
        """The levels that anchors live on."""
        return options.anchor_levels

    def losses(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """The four losses of a batch.

        Args:
            features: level → (B, C, H, W).
            batch: with instances.

        Returns:
            ``loss_rpn_objectness``, ``loss_rpn_box``, ``loss_classifier`` and ``loss_box``, float32 scalars.

        Raises:
            DataError: the batch has no instances.
        """
        targets = instance_targets(batch)
        levels = [features[level] for level in self.anchor_levels]
        dense = self.rpn(levels, _padded_size(batch))
        proposals = self.rpn.propose(dense, batch.sizes, **self.training_limits)
        rois = self.roi_sampler(proposals, targets)
        pooled = self.box_pool([features[level] for level in self.pool_levels], rois.boxes)
        logits, offsets = self.box_head(pooled, len(batch))
        return {
            **self.rpn.losses(levels, dense.anchors, targets),
            **self.box_head.losses(logits, offsets, rois, targets),
        }

    def predict(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """The objects found; shapes as in `BoxHead.detections`, in pixels of the resized images."""
        dense = self.rpn([features[level] for level in self.anchor_levels], _padded_size(batch))
        proposals = self.rpn.propose(dense, batch.sizes, **self.test_limits)
        pooled = self.box_pool([features[level] for level in self.pool_levels], proposals.boxes)
        logits, offsets = self.box_head(pooled, len(batch))
        return self.box_head.detections(logits, offsets, proposals, batch.sizes, **self.detection_limits)

    def results(self, predictions: Mapping[str, Tensor], batch: Batch) -> list[Detections]:  # type: ignore[override]
        """One `hub.Detections` an image, on the CPU, boxes in pixels of the original files."""
        return detections(predictions, batch, self.labels)

    def metric(self, dataset: Any) -> Metric:
        """COCO's twelve figures over boxes."""
        from hub.evaluation import CocoMetric

        return CocoMetric(dataset, self.labels, iou_type="bbox")

    def draw(self, image: np.ndarray, result: Detections, *, score: float = 0.5) -> np.ndarray:
        """A copy of the image with the boxes of at least this score drawn on it."""
        from hub.visual import draw_detections

        return draw_detections(image, result, score=score)

    def class_rows(self) -> dict[str, ClassRows]:
        """The rows of the box head's two predictors."""
        return {f"box_head.{name}": rows for name, rows in self.box_head.class_rows().items()}


def _padded_size(batch: Batch) -> tuple[int, int]:
    return batch.images.shape[2], batch.images.shape[3]
