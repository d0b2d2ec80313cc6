"""Metrics: how results are scored against the annotations of a dataset."""

from hub.evaluation.coco import CocoMetric
from hub.evaluation.joint import JointMetric

__all__ = ["CocoMetric", "JointMetric"]
