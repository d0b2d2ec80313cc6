"""Transforms: declared in YAML by name, pure functions of a sample and a seed.

They are found through the entry points ``backbone_hub.transforms.v1``; `hub.data.transforms.registry` has a plugin's
example. The geometry is the hub's own, so that training and prediction resize alike.
"""

from hub.data.transforms.registry import transform_class, transform_names
from hub.data.transforms.step import Context, Step
from hub.data.transforms.transform import Transform

__all__ = ["Context", "Step", "Transform", "transform_class", "transform_names"]
