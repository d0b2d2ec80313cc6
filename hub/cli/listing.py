"""``hub list``: list the available names."""

from __future__ import annotations

import argparse
import fnmatch
from importlib import metadata

from hub.cli.describe import distribution_of, kind_and_summary
from hub.cli.table import format_table
from hub.errors import UnknownNameError, did_you_mean
from hub.registry import entries, list_names, shadowed
from hub.spec import SPECS
from hub.timm_names import timm_names

SUMMARY = """\
list tasks, necks, datasets and backbones; broken and incompatible plugins are marked

  hub list                        tasks, necks, datasets, and backbones of plugins
  hub list '*rcnn*'               names that match a shell pattern
  hub list --backbones 'resnet*'  backbones, including timm's"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("pattern", nargs="?", default="*", metavar="PATTERN", help="a shell pattern, in quotes")
    kinds = parser.add_mutually_exclusive_group()
    for group in SPECS:
        kinds.add_argument(f"--{group}", dest="group", action="store_const", const=group, help=f"{group} only")


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    by_id = shadowed()
    rows = []
    for group in SPECS if args.group is None else (args.group,):
        for entry in entries(group):
            name = entry.id if entry in by_id else entry.name
            if fnmatch.fnmatchcase(name, args.pattern) or fnmatch.fnmatchcase(entry.name, args.pattern):
                kind, summary = kind_and_summary(entry)
                rows.append((name, kind, distribution_of(entry), summary))
    if args.group == "backbones":
        source = f"timm {metadata.version('timm')}"
        rows += [(n, "backbone", source, "") for n in fnmatch.filter(timm_names(), args.pattern)]
    if not rows:
        known = list_names(kind=args.group)
        raise UnknownNameError(
            f"no name matches {args.pattern!r}.{did_you_mean(args.pattern, known)}",
            fix="`hub list` shows all plugins, `hub list --backbones` all backbones",
        )
    print(format_table(("NAME", "KIND", "FROM", "SUMMARY"), rows))
    return 0
