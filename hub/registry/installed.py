"""What the metadata of installed distributions announce; imports none of them."""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from hub.registry.entry import Entry, forget_specs, normalize
from hub.spec import SPECS

if TYPE_CHECKING:
    from importlib import metadata

_GROUP = re.compile(r"backbone_hub\.(\w+)\.v(\d+)")
# Whoever writes this means the hub: backbone-hub.task.v1, backbone_hub.tasks, backbonehub_tasks.
_MEANT = re.compile(r"backbone[-_.]?hub\b", re.IGNORECASE)


@dataclass(frozen=True)
class Unreadable:
    """A distribution whose metadata cannot be read.

    Attributes:
        name: of the distribution, as far as it can be told.
        path: of its metadata.
        reason: the type and text of the error.
    """

    name: str
    path: str
    reason: str


@dataclass(frozen=True)
class Misspelt:
    """An entry point in a group that the hub does not have, although its name says that it is meant for it.

    Attributes:
        group: as written.
        name: of the entry point.
        distribution: that announces it.
    """

    group: str
    name: str
    distribution: str


@dataclass(frozen=True)
class Scan:
    """What one look at all installed distributions found."""

    entries: tuple[Entry, ...]
    unreadable: tuple[Unreadable, ...]
    misspelt: tuple[Misspelt, ...]


@lru_cache(maxsize=1)
def scan() -> Scan:
    """Read the metadata of all installed distributions, once until `refresh`."""
    from importlib import metadata  # a quarter of the time that `import hub` would take

    entries: list[Entry] = []
    unreadable: list[Unreadable] = []
    misspelt: list[Misspelt] = []
    seen: set[str] = set()
    for distribution in metadata.distributions():
        try:
            announced, wrong = _announced(distribution)
        except Exception as error:  # half an uninstall, or a file that is not text
            path = str(getattr(distribution, "_path", distribution.locate_file("")))
            stem = re.split(r"[/\\]", path)[-1].removesuffix(".dist-info").removesuffix(".egg-info")
            unreadable.append(Unreadable(stem, path, f"{type(error).__name__}: {error}"))
            continue
        # The same distribution further down the path is an older one that Python does not import either.
        entries += [entry for entry in announced if entry.distribution not in seen]
        misspelt += wrong
        seen.update(entry.distribution for entry in announced)
    return Scan(tuple(entries), tuple(unreadable), tuple(misspelt))


def refresh() -> None:
    """Scan the installed distributions again, after one was installed in this process."""
    importlib.invalidate_caches()
    scan.cache_clear()
    forget_specs()


def _announced(distribution: metadata.Distribution) -> tuple[list[Entry], list[Misspelt]]:
    meta = distribution.metadata
    name = normalize(meta["Name"])
    summary = meta["Summary"] if "Summary" in meta else ""  # noqa: SIM401 - it has no get()
    entries, misspelt = [], []
    for point in distribution.entry_points:
        match = _GROUP.fullmatch(point.group)
        if match and match[1] in SPECS:
            entries.append(
                Entry(
                    group=match[1],
                    name=point.name,
                    distribution=name,
                    version=distribution.version,
                    value=point.value,
                    contract=int(match[2]),
                    summary=one_line(summary),
                )
            )
        elif _MEANT.match(point.group):
            misspelt.append(Misspelt(point.group, point.name, name))
    return entries, misspelt


def one_line(text: str) -> str:
    """Return the first line of a text without colors and other control characters.

    >>> one_line("\\x1b[31mred\\x1b[0m and\\tmore\\nsecond line")
    'red and more'
    """
    first = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).strip().partition("\n")[0]
    return re.sub(r"\s+", " ", "".join(c if c.isprintable() else " " for c in first)).strip()
