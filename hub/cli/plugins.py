"""``hub plugins``: third-party plugins, and what is wrong with them."""

from __future__ import annotations

import argparse
import os
import traceback
from itertools import groupby

from hub.cli.describe import distribution_of, problem
from hub.cli.table import format_table
from hub.errors import ContractError, HubError, MissingRequirementError
from hub.registry import FIRST_PARTY, Entry, entries, shadowed
from hub.spec import CONTRACT_VERSION

SUMMARY = """\
Third-party distributions that bring plugins.

  hub plugins          what is installed
  hub plugins doctor   import everything and show the traceback of whatever is broken;
                       the exit code is 1 if anything is"""

_SWITCHES = ("HUB_DISABLE_PLUGINS", "HUB_PLUGINS")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("action", nargs="?", choices=("list", "doctor"), default="list", help="(default: list)")


def run(args: argparse.Namespace) -> int:
    """Print the table or the diagnosis."""
    return {"list": _list, "doctor": _doctor}[args.action]()


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
        rows.append((distribution_of(plugins[0]), names, "; ".join(wrong) or "ok"))
    print(format_table(("DISTRIBUTION", "PLUGINS", "STATUS"), rows))
    return 0


def _doctor() -> int:
    for name in _SWITCHES:
        if value := os.environ.get(name):
            print(f"note: {name}={value} is set, so some plugins are left out")
    for entry in shadowed():
        print(f"note: the {entry.group[:-1]} name {entry.name!r} is not {entry.id}'s alone: use {entry.id}")

    found = entries()
    usable = [e for e in found if e.contract == CONTRACT_VERSION]
    for entry in found:
        if entry not in usable:
            print(f"note: {entry.id} is {problem(entry)}, so it is not imported")
    broken = [entry for entry in usable if not _examine(entry)]
    print(f"{len(usable) - len(broken)} of {len(usable)} plugins are sound")
    return 1 if broken else 0


def _examine(entry: Entry) -> bool:
    """Import a plugin and print what is wrong with it; False where it is broken."""
    from hub.contract.dataset import Dataset
    from hub.contract.head import Head

    base = {"tasks": Head, "datasets": Dataset}.get(entry.group)
    try:
        target = entry.target()
        if base and not (isinstance(target, type) and issubclass(target, base)):
            raise ContractError(f"{entry.spec().target} is no subclass of {base.__module__}.{base.__name__}")
    except MissingRequirementError as error:  # not broken: the plugin says what it wants
        print(f"note: {error}")
    except HubError as error:
        print(f"broken: {entry.id} ({distribution_of(entry)})\n{''.join(traceback.format_exception(error))}")
        return False
    return True
