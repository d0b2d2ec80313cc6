"""``hub list``: list the available names."""

from __future__ import annotations

import argparse
import fnmatch
from importlib import metadata

from hub.cli.display.describe import distribution_of, kind_and_summary
from hub.cli.display.table import format_table
from hub.errors import UnknownNameError, did_you_mean
from hub.registry import FIRST_PARTY, entries, list_names, shadowed
from hub.spec import SPECS
from hub.timm_names import timm_names

SUMMARY = """\
list tasks, necks, datasets and more; broken and incompatible plugins are marked

  hub list                        everything except timm's backbones
  hub list '*rcnn*'               names that match a shell pattern
  hub list --backbones 'resnet*'  backbones, including timm's"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("pattern", nargs="?", default="*", metavar="PATTERN", help="a shell pattern, in quotes")
    kinds = parser.add_mutually_exclusive_group()
    for group in SPECS:
        kinds.add_argument(f"--{group}", dest="group", action="store_const", const=group, help=f"{group} only")


def run(args: argparse.Namespace) -> int:
    """Print a table for each group."""
    tables = []
    for group in SPECS if args.group is None else (args.group,):
        if rows := _rows(group, args.pattern, with_timm=args.group == "backbones"):
            tables.append(_table(group, rows))
    if not tables:
        known = list_names(kind=args.group)
        raise UnknownNameError(
            f"no name matches {args.pattern!r}.{did_you_mean(args.pattern, known)}",
            fix="`hub list` shows all plugins, `hub list --backbones` all backbones",
        )
    print("\n\n".join(tables))
    return 0


def _rows(group: str, pattern: str, *, with_timm: bool) -> list[tuple[str, str, str, str]]:
    """Return name, kind, distribution (empty for the first party) and summary."""
    by_id = shadowed()
    rows = []
    for entry in entries(group):
        name = entry.id if entry in by_id else entry.name
        if fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(entry.name, pattern):
            kind, summary = kind_and_summary(entry)
            source = "" if entry.distribution == FIRST_PARTY else distribution_of(entry)
            rows.append((name, kind, source, summary))
    if with_timm:
        source = f"timm {metadata.version('timm')}"
        rows += [(name, "", source, "") for name in fnmatch.filter(timm_names(), pattern)]
    return rows


def _table(group: str, rows: list[tuple[str, str, str, str]]) -> str:
    """Return the table of a group; columns that are empty everywhere are left out."""
    names = ("NAME", "KIND", "FROM", "SUMMARY")
    used = [i for i in range(len(names)) if i == 0 or any(row[i] for row in rows)]
    cells = [[row[i] for i in used] for row in rows]
    return format_table([names[i] for i in used], cells, title=group)
