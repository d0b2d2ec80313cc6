"""Models: a trunk with heads, and how they are built from a name."""

from hub.model.create import build, create
from hub.model.model import Model

__all__ = ["Model", "build", "create"]
