"""Metrics: score results against the annotations of a dataset."""

from hub.evaluation.checks import expect_result, image_index, nan_mean, target_labels
from hub.evaluation.classification import ClassificationMetric, MultilabelMetric
from hub.evaluation.coco import CocoMetric
from hub.evaluation.joint import JointMetric
from hub.evaluation.semantic import SemanticMetric

__all__ = [
    "ClassificationMetric",
    "CocoMetric",
    "JointMetric",
    "MultilabelMetric",
    "SemanticMetric",
    "expect_result",
    "image_index",
    "nan_mean",
    "target_labels",
]
