"""What plugin authors implement and receive: heads, datasets, samples, batches, results, metrics and options.

Names are imported on first use, so that options need no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.lazy import lazy_attributes

if TYPE_CHECKING:
    from hub.contract.batch import Batch, InstanceTargets, pad_images
    from hub.contract.box_masks import BoxMasks
    from hub.contract.class_rows import ClassRows
    from hub.contract.classifier import PretrainedClassifier
    from hub.contract.dataset import Dataset
    from hub.contract.fields import FieldSpec, ObjectField
    from hub.contract.head import Features, Head
    from hub.contract.instance_masks import InstanceMasks
    from hub.contract.losses import Loss, check_losses, find_loss
    from hub.contract.metric import Evaluation, Metric
    from hub.contract.option_types import Fraction, FractionBelowOne, PositiveFraction, Probability
    from hub.contract.options import Options, parse_options
    from hub.contract.packed import PackedBytes, PackedInstances
    from hub.contract.prediction import Prediction
    from hub.contract.recipe import Recipe
    from hub.contract.results import Classification, Detections, Result, SemanticMap
    from hub.contract.sample import Instances, Sample
    from hub.contract.targets import IGNORE
    from hub.contract.window_layout import Place, WindowLayout
    from hub.contract.windows import Weights, WindowMerger, Windows

__all__ = [
    "IGNORE",
    "Batch",
    "BoxMasks",
    "ClassRows",
    "Classification",
    "Dataset",
    "Detections",
    "Evaluation",
    "Features",
    "FieldSpec",
    "Fraction",
    "FractionBelowOne",
    "Head",
    "InstanceMasks",
    "InstanceTargets",
    "Instances",
    "Loss",
    "Metric",
    "ObjectField",
    "Options",
    "PackedBytes",
    "PackedInstances",
    "Place",
    "PositiveFraction",
    "Prediction",
    "PretrainedClassifier",
    "Probability",
    "Recipe",
    "Result",
    "Sample",
    "SemanticMap",
    "Weights",
    "WindowLayout",
    "WindowMerger",
    "Windows",
    "check_losses",
    "find_loss",
    "pad_images",
    "parse_options",
]

if not TYPE_CHECKING:
    __getattr__ = lazy_attributes(
        __name__,
        {
            "hub.contract.batch": ["Batch", "InstanceTargets", "pad_images"],
            "hub.contract.box_masks": ["BoxMasks"],
            "hub.contract.class_rows": ["ClassRows"],
            "hub.contract.classifier": ["PretrainedClassifier"],
            "hub.contract.dataset": ["Dataset"],
            "hub.contract.fields": ["FieldSpec", "ObjectField"],
            "hub.contract.head": ["Features", "Head"],
            "hub.contract.instance_masks": ["InstanceMasks"],
            "hub.contract.losses": ["Loss", "check_losses", "find_loss"],
            "hub.contract.metric": ["Evaluation", "Metric"],
            "hub.contract.option_types": ["Fraction", "FractionBelowOne", "PositiveFraction", "Probability"],
            "hub.contract.options": ["Options", "parse_options"],
            "hub.contract.packed": ["PackedBytes", "PackedInstances"],
            "hub.contract.prediction": ["Prediction"],
            "hub.contract.recipe": ["Recipe"],
            "hub.contract.results": ["Classification", "Detections", "Result", "SemanticMap"],
            "hub.contract.sample": ["Instances", "Sample"],
            "hub.contract.targets": ["IGNORE"],
            "hub.contract.window_layout": ["Place", "WindowLayout"],
            "hub.contract.windows": ["Weights", "WindowMerger", "Windows"],
        },
    )
