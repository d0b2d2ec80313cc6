"""Backbones: from a name to a trunk, and what plugins of backbones are built from."""

from hub.backbones.create import create_trunk
from hub.backbones.norm import make_norm, set_norm
from hub.backbones.probe import Body, probe
from hub.backbones.timm_body import LoadedBackbone, load_timm
from hub.backbones.trunk import Provenance, Trunk

__all__ = [
    "Body",
    "LoadedBackbone",
    "Provenance",
    "Trunk",
    "create_trunk",
    "load_timm",
    "make_norm",
    "probe",
    "set_norm",
]
