"""Metrics that Metrics Reloaded recommends (Maier-Hein et al., Nature Methods 2024), in mm and by patient."""

from hub_medical.metrics.bootstrap import Interval, bootstrap_groups
from hub_medical.metrics.calibration import brier_score, calibration_error, fit_temperature, scaled_probabilities
from hub_medical.metrics.cases import CaseScore, SegmentationSummary, score_case, summarize_cases
from hub_medical.metrics.classification import (
    auroc,
    average_precision,
    sensitivity_and_specificity,
    threshold_at_specificity,
)
from hub_medical.metrics.froc import Froc, ImageFindings, froc
from hub_medical.metrics.overlap import StructureScore, score_structure
from hub_medical.metrics.surface import surface_distances

__all__ = [
    "CaseScore",
    "Froc",
    "ImageFindings",
    "Interval",
    "SegmentationSummary",
    "StructureScore",
    "auroc",
    "average_precision",
    "bootstrap_groups",
    "brier_score",
    "calibration_error",
    "fit_temperature",
    "froc",
    "scaled_probabilities",
    "score_case",
    "score_structure",
    "sensitivity_and_specificity",
    "summarize_cases",
    "surface_distances",
    "threshold_at_specificity",
]
