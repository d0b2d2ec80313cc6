"""Any backbone, any head: feature pyramids from timm, and task heads found through entry points.

Nothing heavy is imported until it is used: ``import hub`` loads no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from hub.errors import HubError
from hub.labels import LabelSpace
from hub.registry import info, register
from hub.registry import list_names as list
from hub.spec import (
    BackboneSpec,
    CommandSpec,
    DatasetSpec,
    LoggerSpec,
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

_LAZY = {
    "Trunk": "hub.backbones.trunk",
    "create_trunk": "hub.backbones.create",
    "ResizeRule": "hub.images",
    "PixelFormat": "hub.pixel_format",
    "Preprocessing": "hub.preprocessing",
    "load": "hub.weights",
    "Callback": "hub.engine.callbacks",
    "Logger": "hub.engine.loggers",
    "Run": "hub.engine.run",
    "Trainer": "hub.engine.trainer",
    **dict.fromkeys(("open_dataset", "train"), "hub.engine.api"),
    **dict.fromkeys(
        (
            "Batch", "BoxMasks", "ClassRows", "Classification", "Detections", "Evaluation", "Features", "FieldSpec",
            "Head", "InstanceMasks", "InstanceTargets", "Metric", "ObjectField", "Options", "Prediction", "Result",
            "SemanticMap", "Windows",
        ),
        "hub.contract",
    ),
    **dict.fromkeys(("Model", "create", "create_model"), "hub.model"),
}  # fmt: skip

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


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'hub' has no attribute {name!r}")


def __dir__() -> list[str]:  # type: ignore[valid-type]
    return __all__
