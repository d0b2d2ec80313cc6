"""Models: a trunk with heads, and how they are built from a name."""

from hub.inference.inputs import ImageInput
from hub.model.factory import build, create, create_model
from hub.model.model import Model
from hub.model.plan import Labels, ModelPlan

__all__ = ["ImageInput", "Labels", "Model", "ModelPlan", "build", "create", "create_model"]
