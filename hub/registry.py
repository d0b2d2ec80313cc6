"""Finds tasks, backbones, necks and datasets that installed distributions announce as entry points.

Three stages, each only when needed: the metadata are scanned (nothing is imported), a plugin's spec is loaded
(light, no torch), the target is imported (heavy). A broken plugin can only break its own use.
"""

from __future__ import annotations

import fnmatch
import importlib
import importlib.util
import logging
import os
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from hub.errors import (
    AmbiguousNameError,
    BrokenPluginError,
    ContractError,
    MissingRequirementError,
    UnknownNameError,
    did_you_mean,
)
from hub.spec import CONTRACT_VERSION, SPECS, Spec
from hub.timm_names import timm_names

if TYPE_CHECKING:
    from importlib import metadata

log = logging.getLogger("hub")

FIRST_PARTY = "backbone_hub"
LOCAL = "local"  # the distribution of what `register` adds in this process
_GROUP = re.compile(r"backbone_hub\.(\w+)\.v(\d+)")


@dataclass(frozen=True)
class Entry:
    """One plugin as the package metadata tell it.

    Attributes:
        group: ``"tasks"``, ``"backbones"``, ``"necks"``, ``"datasets"``, ``"transforms"``,
            ``"readers"`` or ``"commands"``.
        name: what users type.
        distribution: the distribution that brings it, normalised (``my_plugin``), or ``local``.
        version: that distribution's version.
        value: the spec as ``module:attribute``.
        contract: the major version of the contract, from the group's name.
        summary: the distribution's own summary line.
    """

    group: str
    name: str
    distribution: str
    version: str = ""
    value: str = ""
    contract: int = CONTRACT_VERSION
    summary: str = ""
    registered: Spec | None = field(default=None, compare=False)

    @property
    def id(self) -> str:
        """The canonical id, ``distribution:name``; always unique."""
        return f"{self.distribution}:{self.name}"

    def spec(self) -> Spec:
        """Load the spec; imports the plugin's light module.

        Raises:
            BrokenPluginError: the module cannot be imported, or what it holds is no spec for this group.
            ContractError: the plugin is written for another version of the contract.
        """
        if self.contract != CONTRACT_VERSION:
            raise ContractError(
                f"{self.id} is written for version {self.contract} of the plugin contract, "
                f"this hub has version {CONTRACT_VERSION}",
                fix=f"install a {self.distribution} for backbone_hub.{self.group}.v{CONTRACT_VERSION}",
            )
        if self.registered is not None:
            return self.registered
        try:
            spec = _attribute(self.value)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # also SystemExit: a plugin must not end its host
            raise BrokenPluginError(
                f"{self.id} is installed but broken: {type(error).__name__}: {error}",
                fix=f"`hub plugins doctor` shows the traceback; or uninstall {self.distribution}",
            ) from error
        expected = SPECS[self.group]
        if not isinstance(spec, expected):
            raise BrokenPluginError(
                f"{self.id}: {self.value} is a {type(spec).__name__}, not a {expected.__name__}",
                fix=f"point the entry point at a hub.spec.{expected.__name__}",
            )
        return spec

    def target(self) -> Any:
        """Import what the spec names: the head, backbone, neck or dataset itself.

        Raises:
            MissingRequirementError: an optional package of the plugin is not installed.
            BrokenPluginError: the import failed.
        """
        return self.load(self.spec().target)

    def load(self, path: str) -> Any:
        """Import something else that the spec names as ``module:attribute``; see `target` for what it raises."""
        spec = self.spec()
        for package, pip_line in spec.requires.items():
            if not _is_installed(package):
                raise MissingRequirementError(f"{self.id} needs the package {package!r}", fix=pip_line)
        try:
            return _attribute(path)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise BrokenPluginError(
                f"{self.id} cannot import {path}: {type(error).__name__}: {error}",
                fix="`hub plugins doctor` shows the traceback",
            ) from error


def entries(group: str | None = None) -> list[Entry]:
    """Every plugin found, in the order of (group, first-party first, id); imports none.

    ``HUB_DISABLE_PLUGINS=1`` leaves the first-party ones only, ``HUB_PLUGINS=a,b`` those and the
    distributions named.

    >>> "faster-rcnn" in [entry.name for entry in entries("tasks")]
    True
    """
    found = [*_installed(), *_LOCAL]
    if os.environ.get("HUB_DISABLE_PLUGINS", "0") not in ("", "0"):
        found = [e for e in found if e.distribution in (FIRST_PARTY, LOCAL)]
    elif wanted := os.environ.get("HUB_PLUGINS"):
        allowed = {_normal(d) for d in wanted.split(",")} | {FIRST_PARTY, LOCAL}
        found = [e for e in found if e.distribution in allowed]
    found = [e for e in found if group is None or e.group == group]
    return sorted(found, key=lambda e: (e.group, e.distribution != FIRST_PARTY, e.id, e.contract))


def find(group: str, name: str) -> Entry:
    """The plugin that a bare name or a canonical id stands for.

    A first-party name always means the first-party plugin. Any other name must be claimed once.

    Raises:
        UnknownNameError: nobody registers it.
        AmbiguousNameError: two distributions do.
        ContractError: it exists, but only for another version of the contract.
    """
    distribution, colon, bare = name.rpartition(":")
    same = [e for e in entries(group) if e.name == bare]
    if colon:
        same = [e for e in same if e.distribution == _normal(distribution)]
    usable = [e for e in same if e.contract == CONTRACT_VERSION]
    if len(usable) == 1 or (usable and usable[0].distribution == FIRST_PARTY):
        return usable[0]
    if usable:
        ids = " and ".join(e.id for e in usable)
        raise AmbiguousNameError(f"the {group[:-1]} {bare!r} is claimed by {ids}", fix="use one of these full names")
    if same:
        same[0].spec()  # raises, and says which version it is for
    names = sorted({e.name for e in entries(group)})
    raise UnknownNameError(
        f"unknown {group[:-1]} {name!r}.{did_you_mean(name, [*names, *(e.id for e in entries(group))])}",
        fix=f"`hub list` shows what is registered ({', '.join(names) or 'nothing'}). "
        "If you have just added an entry point to an editable install, run pip install again: "
        "entry points are written at install time",
    )


def register(spec: Spec) -> None:
    """Add a plugin to this process only: what a notebook needs before it becomes a package.

    >>> from hub.spec import TaskSpec
    >>> register(TaskSpec(name="my-head", kind="detection", summary="mine", target="my_module:MyHead"))
    >>> find("tasks", "my-head").id
    'local:my-head'
    >>> unregister("my-head")

    Raises:
        AmbiguousNameError: the name belongs to a first-party plugin.
    """
    if type(spec) not in SPECS.values():
        raise ContractError(f"cannot register a {type(spec).__name__}", fix="register a spec from hub.spec")
    if any(e.name == spec.name and e.distribution == FIRST_PARTY for e in entries(spec.group)):
        raise AmbiguousNameError(f"{spec.name!r} is a first-party {spec.group[:-1]}", fix="choose another name")
    unregister(spec.name, group=spec.group)
    _LOCAL.append(Entry(group=spec.group, name=spec.name, distribution=LOCAL, value=spec.target, registered=spec))


def unregister(name: str, *, group: str | None = None) -> None:
    """Take back what `register` added; unknown names are ignored."""
    _LOCAL[:] = [e for e in _LOCAL if not (e.name == name and group in (None, e.group))]


def list_names(pattern: str = "*", *, kind: str | None = None) -> list[str]:
    """Names that match a shell pattern, from metadata alone.

    Args:
        pattern: as in `fnmatch`, for example ``"*rcnn*"``.
        kind: ``"tasks"``, ``"necks"``, ``"datasets"``, ``"transforms"``, ``"readers"``, ``"commands"``,
            ``"backbones"``; None means all.
            ``"backbones"`` adds timm's own models, read from its source files, to those that plugins bring.

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
    """The plugins whose bare name others claim as well, or the first party: they are used by their id."""
    usable = [e for e in entries() if e.contract == CONTRACT_VERSION]
    return [
        e
        for e in usable
        if e.distribution != FIRST_PARTY
        and any((e.group, e.name) == (x.group, x.name) and e.id != x.id for x in usable)
    ]


def info(name: str) -> Entry:
    """What the metadata say of a plugin of any group; imports nothing of it.

    >>> info("faster-rcnn").distribution
    'backbone_hub'

    Raises:
        UnknownNameError: no plugin has that name.
    """
    distribution, colon, bare = name.rpartition(":")
    canonical = f"{_normal(distribution)}:{bare}" if colon else bare
    for group in SPECS:
        if any(canonical in (e.name, e.id) for e in entries(group)):
            return find(group, canonical)
    raise UnknownNameError(
        f"nothing is registered as {name!r}.{did_you_mean(name, list_names())}",
        fix="`hub list` shows every name",
    )


def refresh() -> None:
    """Scan the installed distributions again, after one was installed in this process."""
    importlib.invalidate_caches()
    _installed.cache_clear()


_LOCAL: list[Entry] = []


@lru_cache(maxsize=1)
def _installed() -> tuple[Entry, ...]:
    from importlib import metadata  # a quarter of what `import hub` would take

    found: list[Entry] = []
    seen: set[str] = set()
    for distribution in metadata.distributions():
        try:
            announced = _announced(distribution)
        except Exception:  # half an uninstall: no name, unreadable files; it can announce nothing
            log.debug("unreadable metadata of an installed distribution", exc_info=True)
            continue
        # The same distribution further down the path is an older one that Python does not import either.
        found += [entry for entry in announced if entry.distribution not in seen]
        seen.update(entry.distribution for entry in announced)
    return tuple(found)


def _announced(distribution: metadata.Distribution) -> list[Entry]:
    meta = distribution.metadata
    return [
        Entry(
            group=match[1],
            name=point.name,
            distribution=_normal(meta["Name"]),
            version=distribution.version,
            value=point.value,
            contract=int(match[2]),
            summary=meta["Summary"] if "Summary" in meta else "",  # noqa: SIM401 - it has no get()
        )
        for point in distribution.entry_points
        if (match := _GROUP.fullmatch(point.group)) and match[1] in SPECS
    ]


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # the parent of a dotted name
        return False


def _attribute(path: str) -> Any:
    module, _, attribute = path.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "_", distribution.strip()).lower()
