"""Transforms: declared in YAML by name, pure functions of a sample and a seed.

The geometry is the hub's own, so that training and prediction resize alike.
"""

from hub.data.transforms.registry import TRANSFORMS
from hub.data.transforms.step import Context, Step
from hub.data.transforms.transform import Transform

__all__ = ["TRANSFORMS", "Context", "Step", "Transform"]
