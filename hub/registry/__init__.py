"""Finds the plugins that installed distributions announce as entry points.

Three stages, each only when needed: the metadata are scanned (nothing is imported), a plugin's spec is loaded
(light, no torch), the target is imported (heavy). A broken plugin can only break its own use.
"""

from hub.registry.entry import FIRST_PARTY, LOCAL, Entry
from hub.registry.installed import refresh
from hub.registry.lookup import entries, find, info, list_names, shadowed
from hub.registry.registered import register, unregister

__all__ = [
    "FIRST_PARTY",
    "LOCAL",
    "Entry",
    "entries",
    "find",
    "info",
    "list_names",
    "refresh",
    "register",
    "shadowed",
    "unregister",
]
