"""Descriptions of plugins from their spec alone, which never fail on a broken plugin."""

from __future__ import annotations

from hub.errors import HubError
from hub.registry import Entry
from hub.spec import CONTRACT_VERSION, TaskSpec


def distribution_of(entry: Entry) -> str:
    """Return the distribution of a plugin as pip names it, with the version.

    >>> distribution_of(Entry("tasks", "my-head", "my_package", "1.2"))
    'my-package 1.2'
    """
    return f"{entry.distribution.replace('_', '-')} {entry.version}".rstrip()


def problem(entry: Entry) -> str | None:
    """Return why the spec of a plugin cannot be loaded, in a few words, or None if it can.

    >>> problem(Entry("tasks", "my-head", "my_package", "1.2", value="no_such_package:spec"))
    "broken: ModuleNotFoundError: No module named 'no_such_package'"
    """
    if entry.contract != CONTRACT_VERSION:
        return f"for version {entry.contract} of the plugin contract, not {CONTRACT_VERSION}"
    try:
        entry.spec()
    except HubError as error:
        cause = error.__cause__
        text = f"{type(cause).__name__}: {cause}" if cause else str(error)
        return f"broken: {text.splitlines()[0]}"
    return None


def kind_and_summary(entry: Entry) -> tuple[str, str]:
    """Return the kind and the summary of a plugin, for example ``("detection task", …)``; problems are in brackets."""
    word = entry.group.removesuffix("s")
    if why := problem(entry):
        return word, f"[{why}]"
    spec = entry.spec()
    return (f"{spec.kind} {word}" if isinstance(spec, TaskSpec) else word), spec.summary
