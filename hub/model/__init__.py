"""Models: the contract of a head, and what joins heads to a trunk."""

from hub.model.batch import Batch, InstanceTargets, pad_images
from hub.model.create import build, create
from hub.model.head import ClassRows, Evaluation, Features, Head, Metric
from hub.model.model import Model
from hub.model.options import Options, parse_options
from hub.model.recipe import Recipe
from hub.model.results import Classification, Detections, Result, SemanticMap
from hub.model.windowed import WindowMerger, Windows
from hub.model.windows import WindowLayout, mirrored, sliding_slabs, sliding_window

__all__ = [
    "Batch",
    "ClassRows",
    "Classification",
    "Detections",
    "Evaluation",
    "Features",
    "Head",
    "InstanceTargets",
    "Metric",
    "Model",
    "Options",
    "Recipe",
    "Result",
    "SemanticMap",
    "WindowLayout",
    "WindowMerger",
    "Windows",
    "build",
    "create",
    "mirrored",
    "pad_images",
    "parse_options",
    "sliding_slabs",
    "sliding_window",
]
