"""Plugins that are local code: registered in a process rather than installed. Importing them must be allowed.

A checkpoint records the plugins of its model that were registered with `hub.register`. Loading it imports their
modules only if the user allows it with ``--allow-local-code`` or ``HUB_ALLOW_LOCAL_CODE=1``, since a checkpoint of
somebody else could name any module.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, cast

from hub.errors import BrokenPluginError, CheckpointError
from hub.registry.entry import LOCAL, Entry
from hub.registry.registered import register, registered
from hub.spec import SPECS

ALLOW_VARIABLE = "HUB_ALLOW_LOCAL_CODE"
_FIX = f"import what registers it first, or allow local code: --allow-local-code, or {ALLOW_VARIABLE}=1 in Python"


def local_code_allowed() -> bool:
    """Return whether modules that a config or a checkpoint names may be imported."""
    return os.environ.get(ALLOW_VARIABLE, "0") not in ("", "0")


def import_local(module: str) -> None:
    """Import a module from the current folder or the path; it calls `hub.register`.

    Raises:
        BrokenPluginError: the import failed.
    """
    if "" not in sys.path and os.getcwd() not in sys.path:  # the command `hub` does not look into the current folder
        sys.path.insert(0, os.getcwd())
    try:
        importlib.import_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise BrokenPluginError(
            f"the module {module} cannot be imported: {type(error).__name__}: {error}",
            fix=f"check it with: python -c 'import {module}'",
        ) from error


def record(entries: Iterable[Entry]) -> list[dict[str, object]]:
    """Return those plugins that were registered in this process as plain values, for a checkpoint."""
    return [
        {"group": e.group, "replaces": e.replaces, "spec": asdict(e.registered)}
        for e in entries
        if e.distribution == LOCAL and e.registered is not None
    ]


def restore(records: Iterable[Mapping[str, object]]) -> None:
    """Register what `record` recorded, unless it is registered already.

    Raises:
        CheckpointError: local code is not allowed.
        BrokenPluginError: a module cannot be imported.
    """
    for one in records:
        group, fields = str(one["group"]), cast(dict[str, Any], one["spec"])
        name, target = fields["name"], fields["target"]
        there = [e.registered for e in registered() if (e.group, e.name) == (group, name)]
        if any(spec is not None and spec.target == target for spec in there):
            continue
        if not local_code_allowed():
            raise CheckpointError(
                f"the {group[:-1]} {name!r} of this model is local code, {target}, which was registered with "
                "hub.register and is not installed",
                fix=_FIX,
            )
        import_local(target.partition(":")[0])
        if "levels" in fields:
            fields = {**fields, "levels": tuple(fields["levels"])}
        register(SPECS[group](**fields), replace=bool(one["replaces"]))
