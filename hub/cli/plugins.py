"""``hub plugins``: list third-party plugins and find their problems."""

from __future__ import annotations

import argparse
from itertools import groupby

from hub.cli.display.describe import distribution_of, problem
from hub.cli.display.table import format_table
from hub.registry import FIRST_PARTY, entries

SUMMARY = """\
list third-party plugins, and find their problems

  hub plugins          list the installed distributions with plugins, from metadata alone
  hub plugins doctor   import each plugin in a process of its own and show the tracebacks of broken ones;
                       the exit code is 1 if there are any"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("action", nargs="?", choices=("list", "doctor"), default="list", help="(default: list)")
    parser.add_argument(
        "--timeout", type=float, default=60.0, metavar="S", help="doctor: seconds for each plugin (default: 60)"
    )


def run(args: argparse.Namespace) -> int:
    """Print the table or the report."""
    if args.action == "list":
        return _list()
    from hub.cli.doctor import diagnose
    from hub.cli.main import COMMANDS

    return diagnose(list(COMMANDS), limit_s=args.timeout)


def _list() -> int:
    third = sorted((e for e in entries() if e.distribution != FIRST_PARTY), key=lambda e: e.distribution)
    if not third:
        print("no third-party plugins are installed")
        return 0
    rows = []
    for _, group in groupby(third, key=lambda e: e.distribution):
        plugins = list(group)
        wrong = [f"{e.name} is {why}" for e in plugins if (why := problem(e))]
        names = ", ".join(dict.fromkeys(e.name for e in plugins))
        rows.append((distribution_of(plugins[0]), names, "; ".join(wrong) or plugins[0].summary))
    print(format_table(("DISTRIBUTION", "PLUGINS", "SUMMARY"), rows))
    return 0
