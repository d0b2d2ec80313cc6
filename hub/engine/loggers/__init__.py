"""Loggers of losses, metrics and images, one file each.

TensorBoard, Weights & Biases and MLflow are imported from their modules, because they load large packages.
"""

from hub.engine.loggers.console import Console
from hub.engine.loggers.json_lines import JsonLines
from hub.engine.loggers.logger import Logger, RunInfo, StepRecord, evaluation_scalars
from hub.engine.loggers.loggers import Loggers

__all__ = ["Console", "JsonLines", "Logger", "Loggers", "RunInfo", "StepRecord", "evaluation_scalars"]
