"""Any backbone, any head: feature pyramids from timm, and task heads found through entry points.

Nothing heavy is imported until it is used: ``import hub`` loads no torch.
"""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING

from hub.errors import HubError
from hub.labels import LabelSpace
from hub.lazy import lazy_attributes
from hub.registry import info, register
from hub.registry import list_names as list
from hub.spec import (
    BackboneSpec,
    CommandSpec,
    DatasetSpec,
    LoggerSpec,
    LossSpec,
    NeckSpec,
    OptimizerSpec,
    ReaderSpec,
    ScheduleSpec,
    TaskSpec,
    TransformSpec,
)

if TYPE_CHECKING:
    from hub.backbones.create import create_trunk
    from hub.backbones.trunk import Trunk
    from hub.contract import (
        Batch,
        BoxMasks,
        Classification,
        ClassRows,
        Detections,
        Evaluation,
        Features,
        FieldSpec,
        Head,
        InstanceMasks,
        InstanceTargets,
        Metric,
        ObjectField,
        Options,
        Prediction,
        Result,
        SemanticMap,
        Windows,
    )
    from hub.engine.api import open_dataset, train
    from hub.engine.callbacks import Callback
    from hub.engine.loggers import Logger
    from hub.engine.run import Run
    from hub.engine.trainer import Trainer
    from hub.images import ResizeRule
    from hub.model import Model, create, create_model
    from hub.pixel_format import PixelFormat
    from hub.preprocessing import Preprocessing
    from hub.weights import load

__version__ = "0.1.0"

__all__ = [
    "BackboneSpec",
    "Batch",
    "BoxMasks",
    "Callback",
    "ClassRows",
    "Classification",
    "CommandSpec",
    "DatasetSpec",
    "Detections",
    "Evaluation",
    "Features",
    "FieldSpec",
    "Head",
    "HubError",
    "InstanceMasks",
    "InstanceTargets",
    "LabelSpace",
    "Logger",
    "LoggerSpec",
    "LossSpec",
    "Metric",
    "Model",
    "NeckSpec",
    "ObjectField",
    "OptimizerSpec",
    "Options",
    "PixelFormat",
    "Prediction",
    "Preprocessing",
    "ReaderSpec",
    "ResizeRule",
    "Result",
    "Run",
    "ScheduleSpec",
    "SemanticMap",
    "TaskSpec",
    "Trainer",
    "TransformSpec",
    "Trunk",
    "Windows",
    "create",
    "create_model",
    "create_trunk",
    "info",
    "list",
    "load",
    "open_dataset",
    "register",
    "train",
]


if not TYPE_CHECKING:
    __getattr__ = lazy_attributes(
        __name__,
        {
            "hub.backbones.create": ["create_trunk"],
            "hub.backbones.trunk": ["Trunk"],
            "hub.contract": [
                "Batch",
                "BoxMasks",
                "ClassRows",
                "Classification",
                "Detections",
                "Evaluation",
                "Features",
                "FieldSpec",
                "Head",
                "InstanceMasks",
                "InstanceTargets",
                "Metric",
                "ObjectField",
                "Options",
                "Prediction",
                "Result",
                "SemanticMap",
                "Windows",
            ],
            "hub.engine.api": ["open_dataset", "train"],
            "hub.engine.callbacks": ["Callback"],
            "hub.engine.loggers": ["Logger"],
            "hub.engine.run": ["Run"],
            "hub.engine.trainer": ["Trainer"],
            "hub.images": ["ResizeRule"],
            "hub.model": ["Model", "create", "create_model"],
            "hub.pixel_format": ["PixelFormat"],
            "hub.preprocessing": ["Preprocessing"],
            "hub.weights": ["load"],
        },
    )


def __dir__() -> builtins.list[str]:
    return __all__
