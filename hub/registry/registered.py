"""Plugins of this process only: what a notebook or a script needs before it becomes a package."""

from __future__ import annotations

from hub.errors import AmbiguousNameError, ContractError
from hub.registry.entry import LOCAL, Entry
from hub.registry.installed import scan
from hub.spec import SPECS, BackboneSpec, Spec, singular
from hub.timm_names import timm_names

_LOCAL: list[Entry] = []


def registered() -> tuple[Entry, ...]:
    """Return the plugins that `register` added."""
    return tuple(_LOCAL)


def register(spec: Spec, *, replace: bool = False) -> None:
    """Add a plugin to this process only. Registering the same name again takes the newer spec.

    A checkpoint of a model with such a plugin records its name and target; see `hub.load`.

    Args:
        spec: of the plugin.
        replace: let it take the place of an installed plugin, or of a backbone of timm, of the same name.

    Raises:
        AmbiguousNameError: the name is taken, and ``replace`` is False.
        ContractError: not one of the specs of `hub.spec`.

    >>> from hub.registry import find, unregister
    >>> from hub.spec import TaskSpec
    >>> register(TaskSpec(name="my-head", kind="detection", summary="mine", target="my_module:MyHead"))
    >>> find("tasks", "my-head").id
    'local:my-head'
    >>> unregister("my-head")
    """
    if type(spec) not in SPECS.values():
        raise ContractError(f"cannot register a {type(spec).__name__}", fix="register a spec from hub.spec")
    taken = _taken_by(spec)
    if taken and not replace:
        raise AmbiguousNameError(
            f"the {singular(spec.group)} name {spec.name!r} is taken by {taken}",
            fix="choose another name, or register with replace=True to use yours in its place",
        )
    unregister(spec.name, group=spec.group)
    _LOCAL.append(
        Entry(
            group=spec.group,
            name=spec.name,
            distribution=LOCAL,
            value=spec.target,
            registered=spec,
            replaces=replace,
        )
    )


def unregister(name: str, *, group: str | None = None) -> None:
    """Remove what `register` added; unknown names are ignored."""
    _LOCAL[:] = [e for e in _LOCAL if not (e.name == name and group in (None, e.group))]


def _taken_by(spec: Spec) -> str | None:
    """Return who has the name of a spec already."""
    if isinstance(spec, BackboneSpec) and spec.name in timm_names():
        return "timm"
    installed = [e.id for e in scan().entries if (e.group, e.name) == (spec.group, spec.name)]
    return " and ".join(installed) or None
