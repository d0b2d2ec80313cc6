"""One plugin: from its metadata to its spec, and from its spec to its target."""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType

from hub.errors import BrokenPluginError, ContractError, MissingRequirementError
from hub.spec import CONTRACT_VERSION, SPECS, Spec

FIRST_PARTY = "backbone_hub"
"""The hub's own distribution."""
LOCAL = "local"
"""The distribution of what `register` adds in this process."""


@dataclass(frozen=True)
class Entry:
    """One plugin as the package metadata describe it.

    Attributes:
        group: the plural of its kind, a key of `hub.spec.SPECS`, such as ``"tasks"``.
        name: what users type.
        distribution: the distribution that brings it, normalized (``my_plugin``), or ``local``.
        version: that distribution's version.
        value: the spec as ``module:attribute``.
        contract: the major version of the contract, from the group's name.
        summary: the distribution's own summary, one line.
        registered: the spec of a plugin that was registered in this process.
        replaces: whether it was registered to take the place of another plugin of its name.
    """

    group: str
    name: str
    distribution: str
    version: str = ""
    value: str = ""
    contract: int = CONTRACT_VERSION
    summary: str = ""
    registered: Spec | None = field(default=None, compare=False)
    replaces: bool = field(default=False, compare=False)

    @property
    def id(self) -> str:
        """The canonical id, ``distribution:name``; always unique."""
        return f"{self.distribution}:{self.name}"

    def spec(self) -> Spec:
        """Load the spec, once; imports the plugin's light module.

        Raises:
            BrokenPluginError: the module cannot be imported, or it holds no spec for this group.
            ContractError: the plugin is written for another version of the contract.
        """
        if self.contract != CONTRACT_VERSION:
            raise ContractError(
                f"{self.id} is written for version {self.contract} of the plugin contract, "
                f"this hub has version {CONTRACT_VERSION}",
                fix=f"install a {self.distribution} for backbone_hub.{self.group}.v{CONTRACT_VERSION}",
            )
        return self.registered if self.registered is not None else _load_spec(self)

    def target(self) -> object:
        """Import what the spec names: the head, backbone, neck or dataset itself.

        Raises:
            MissingRequirementError: an optional package of the plugin is not installed.
            BrokenPluginError: the import failed.
        """
        return self.load(self.spec().target)

    def factory(self) -> Callable[..., object]:
        """Import the target of a plugin that is a class or a function to call; see `target` for what it raises.

        Raises:
            ContractError: it cannot be called.
        """
        target = self.target()
        if not callable(target):
            raise ContractError(
                f"{self.id}: {self.spec().target} is a {type(target).__name__}, which cannot be called",
                fix="point the target at a class or a function",
            )
        return target

    def load(self, path: str) -> object:
        """Import another ``module:attribute`` that the spec names; see `target` for what it raises."""
        spec = self.spec()
        for package, pip_line in spec.requires.items():
            if not _is_installed(package):
                raise MissingRequirementError(f"{self.id} needs the package {package!r}", fix=pip_line)
        try:
            return import_attribute(path)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise BrokenPluginError(
                f"{self.id} cannot import {path}: {type(error).__name__}: {error}",
                fix="`hub plugins doctor` shows the traceback",
            ) from error


@cache
def _load_spec(entry: Entry) -> Spec:
    """Import the spec of an installed plugin.

    A spec is loaded once and kept: importing the target may replace the spec's name in its module, as in a package
    ``p`` whose spec ``p:head`` has its target in the submodule ``p.head``.
    """
    try:
        spec = import_attribute(entry.value)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # also SystemExit: a plugin must not end its host
        raise BrokenPluginError(
            f"{entry.id} is installed but broken: {type(error).__name__}: {error}",
            fix=f"`hub plugins doctor` shows the traceback; or uninstall {entry.distribution}",
        ) from error
    expected = SPECS[entry.group]
    if isinstance(spec, ModuleType):
        raise BrokenPluginError(
            f"{entry.id}: {entry.value} is the submodule {spec.__name__}, which has replaced the spec of that name",
            fix="give the spec another name than the submodule, or put it into a module of its own",
        )
    if not isinstance(spec, expected):
        raise BrokenPluginError(
            f"{entry.id}: {entry.value} is a {type(spec).__name__}, not a {expected.__name__}",
            fix=f"point the entry point at a hub.spec.{expected.__name__}",
        )
    return spec


def forget_specs() -> None:
    """Load every spec again on its next use."""
    _load_spec.cache_clear()


def import_attribute(path: str) -> object:
    """Import ``module:attribute``."""
    module, _, attribute = path.partition(":")
    found: object = getattr(importlib.import_module(module), attribute)
    return found


def normalize(distribution: str) -> str:
    """Return the name of a distribution in the form that ids have.

    >>> normalize("My-Plugin")
    'my_plugin'
    """
    return re.sub(r"[-_.]+", "_", distribution.strip()).lower()


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # the parent of a dotted name
        return False
