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
from hub.spec import BackboneSpec, CommandSpec, DatasetSpec, NeckSpec, ReaderSpec, TaskSpec, TransformSpec

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
    "Metric",
    "Model",
    "NeckSpec",
    "ObjectField",
    "Options",
    "PixelFormat",
    "Prediction",
    "Preprocessing",
    "ReaderSpec",
    "ResizeRule",
    "Result",
    "SemanticMap",
    "TaskSpec",
    "TransformSpec",
    "Trunk",
    "Windows",
    "create",
    "create_model",
    "create_trunk",
    "info",
    "list",
    "load",
    "register",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'hub' has no attribute {name!r}")


def __dir__() -> list[str]:  # type: ignore[valid-type]
    return __all__
