"""Metrics: how results are scored against the annotations of a dataset."""

from hub.evaluation.classification import ClassMetric, LabelsMetric
from hub.evaluation.coco import CocoMetric
from hub.evaluation.joint import JointMetric
from hub.evaluation.semantic import SemanticMetric

__all__ = ["ClassMetric", "CocoMetric", "JointMetric", "LabelsMetric", "SemanticMetric"]
