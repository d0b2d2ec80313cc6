"""From a name to a plugin: installed ones and those of this process together."""

from __future__ import annotations

import fnmatch
import os

from hub.errors import AmbiguousNameError, UnknownNameError, did_you_mean
from hub.registry.entry import FIRST_PARTY, LOCAL, Entry, normalize
from hub.registry.installed import scan
from hub.registry.registered import registered
from hub.spec import CONTRACT_VERSION, SPECS, singular
from hub.timm_names import timm_names


def entries(group: str | None = None) -> list[Entry]:
    """Return every plugin, in the order of (group, first-party first, id); imports none.

    ``HUB_DISABLE_PLUGINS=1`` leaves the first-party ones only, ``HUB_PLUGINS=a,b`` those and the
    distributions named.

    >>> "faster-rcnn" in [entry.name for entry in entries("tasks")]
    True
    """
    found = [*scan().entries, *registered()]
    if os.environ.get("HUB_DISABLE_PLUGINS", "0") not in ("", "0"):
        found = [e for e in found if e.distribution in (FIRST_PARTY, LOCAL)]
    elif wanted := os.environ.get("HUB_PLUGINS"):
        allowed = {normalize(d) for d in wanted.split(",")} | {FIRST_PARTY, LOCAL}
        found = [e for e in found if e.distribution in allowed]
    found = [e for e in found if group is None or e.group == group]
    return sorted(found, key=lambda e: (e.group, e.distribution != FIRST_PARTY, e.id, e.contract))


def find(group: str, name: str) -> Entry:
    """Return the plugin of a bare name or a canonical id.

    A bare name means the plugin that was registered to replace others of its name, then the first-party one. Any
    other name must be claimed once.

    Raises:
        UnknownNameError: nobody registers it.
        AmbiguousNameError: two distributions do.
        ContractError: it exists, but only for another version of the contract.
    """
    distribution, colon, bare = name.rpartition(":")
    same = [e for e in entries(group) if e.name == bare]
    if colon:
        same = [e for e in same if e.distribution == normalize(distribution)]
    usable = [e for e in same if e.contract == CONTRACT_VERSION]
    if replacing := [e for e in usable if e.replaces]:
        return replacing[0]
    if len(usable) == 1 or (usable and usable[0].distribution == FIRST_PARTY):
        return usable[0]
    if usable:
        ids = " and ".join(e.id for e in usable)
        raise AmbiguousNameError(
            f"the {singular(group)} {bare!r} is claimed by {ids}", fix="use one of these full names"
        )
    if same:
        same[0].spec()  # raises, and names the version that it is written for
    names = sorted({e.name for e in entries(group)})
    raise UnknownNameError(
        f"unknown {singular(group)} {name!r}.{did_you_mean(name, [*names, *(e.id for e in entries(group))])}",
        fix=f"`hub list` shows what is registered ({', '.join(names) or 'nothing'}). "
        "If you have just added an entry point to an editable install, run pip install again: "
        "entry points are written at install time",
    )


def list_names(pattern: str = "*", *, kind: str | None = None) -> list[str]:
    """Return the names that match a shell pattern, from metadata alone.

    Args:
        pattern: as in `fnmatch`, for example ``"*rcnn*"``.
        kind: a key of `hub.spec.SPECS`, such as ``"tasks"`` or ``"necks"``; None means all. ``"backbones"`` adds
            timm's own models, read from its source files, to those of plugins.

    Raises:
        UnknownNameError: no such kind.

    >>> list_names("faster*")
    ['faster-rcnn']
    """
    if kind is not None and kind not in SPECS:
        raise UnknownNameError(f"no kind {kind!r}.{did_you_mean(kind, SPECS)}", fix=f"one of {', '.join(SPECS)}")
    by_id = shadowed()
    names = [e.id if e in by_id else e.name for e in entries(kind)]
    if kind == "backbones":
        names += timm_names()
    return sorted({n for n in names if fnmatch.fnmatchcase(n, pattern)})


def shadowed() -> list[Entry]:
    """Return the plugins that their bare name does not stand for: they are used by their id."""
    usable = [e for e in entries() if e.contract == CONTRACT_VERSION]
    replaced = {(e.group, e.name) for e in usable if e.replaces}
    return [
        e
        for e in usable
        if not e.replaces
        and (e.distribution != FIRST_PARTY or (e.group, e.name) in replaced)
        and any((e.group, e.name) == (x.group, x.name) and e.id != x.id for x in usable)
    ]


def info(name: str) -> Entry:
    """Return what the metadata say about a plugin of any group; imports nothing of it.

    >>> info("faster-rcnn").distribution
    'backbone_hub'

    Raises:
        UnknownNameError: no plugin has that name.
    """
    distribution, colon, bare = name.rpartition(":")
    canonical = f"{normalize(distribution)}:{bare}" if colon else bare
    for group in SPECS:
        if any(canonical in (e.name, e.id) for e in entries(group)):
            return find(group, canonical)
    raise UnknownNameError(
        f"nothing is registered as {name!r}.{did_you_mean(name, list_names())}",
        fix="`hub list` shows every name",
    )
