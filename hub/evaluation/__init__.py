"""Metrics: how results are scored against the annotations of a dataset."""

from hub.evaluation.coco import CocoMetric

__all__ = ["CocoMetric"]
