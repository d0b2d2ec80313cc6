"""Descriptions of plugins from their metadata alone, so that listing never waits for a plugin nor fails with it."""

from __future__ import annotations

from hub.registry import FIRST_PARTY, LOCAL, Entry
from hub.spec import CONTRACT_VERSION, TaskSpec


def distribution_of(entry: Entry) -> str:
    """Return the distribution of a plugin as pip names it, with the version.

    >>> distribution_of(Entry("tasks", "my-head", "my_package", "1.2"))
    'my-package 1.2'
    """
    return f"{entry.distribution.replace('_', '-')} {entry.version}".rstrip()


def problem(entry: Entry) -> str | None:
    """Return why the metadata already exclude a plugin, in a few words, or None.

    >>> problem(Entry("tasks", "my-head", "my_package", "1.2", contract=7))
    'for version 7 of the plugin contract, not 1'
    """
    if entry.contract != CONTRACT_VERSION:
        return f"for version {entry.contract} of the plugin contract, not {CONTRACT_VERSION}"
    return None


def kind_and_summary(entry: Entry) -> tuple[str, str]:
    """Return the kind of a task, such as ``"detection"`` and empty for other plugins, and the summary of the plugin.

    The summary is that of the spec for first-party plugins, which is light, and that of the distribution for others.
    Problems of a plugin are in brackets.
    """
    if why := problem(entry):
        return "", f"[{why}]"
    if entry.distribution not in (FIRST_PARTY, LOCAL):
        return "", entry.summary
    spec = entry.spec()
    return (spec.kind if isinstance(spec, TaskSpec) else ""), spec.summary
