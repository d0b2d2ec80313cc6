"""Optimizers, parameter groups and learning-rate schedules."""

from hub.engine.optim.groups import ParameterGroup, parameter_groups, scaled_lr, set_lr
from hub.engine.optim.optimizers import adamw, sgd
from hub.engine.optim.schedules import Constant, Cosine, MultiStep, Poly, Schedule

__all__ = [
    "Constant",
    "Cosine",
    "MultiStep",
    "ParameterGroup",
    "Poly",
    "Schedule",
    "adamw",
    "parameter_groups",
    "scaled_lr",
    "set_lr",
    "sgd",
]
