"""``hub plugins``: list third-party plugins and find their problems."""

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
list third-party plugins, and find their problems

  hub plugins          list the installed distributions with plugins
  hub plugins doctor   import all plugins and show the tracebacks of broken ones;
                       the exit code is 1 if there are any"""

_SWITCHES = ("HUB_DISABLE_PLUGINS", "HUB_PLUGINS")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("action", nargs="?", choices=("list", "doctor"), default="list", help="(default: list)")


def run(args: argparse.Namespace) -> int:
    """Print the table or the report."""
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
            print(f"note: {name}={value} is set, so some plugins are ignored")
    for entry in shadowed():
        print(f"note: several plugins register the {entry.group[:-1]} {entry.name!r}: use the full name {entry.id}")

    found = entries()
    usable = [e for e in found if e.contract == CONTRACT_VERSION]
    for entry in found:
        if entry not in usable:
            print(f"note: {entry.id} is {problem(entry)}, so it is not imported")
    broken = [entry for entry in usable if not _check(entry)]
    print(f"{len(usable) - len(broken)} of {len(usable)} plugins are ok")
    return 1 if broken else 0


def _check(entry: Entry) -> bool:
    """Import a plugin and print its problems; return False if it is broken."""
    from hub.contract.dataset import Dataset
    from hub.contract.head import Head

    base = {"tasks": Head, "datasets": Dataset}.get(entry.group)
    try:
        target = entry.target()
        if base and not (isinstance(target, type) and issubclass(target, base)):
            raise ContractError(f"{entry.spec().target} is not a subclass of {base.__module__}.{base.__name__}")
    except MissingRequirementError as error:  # not broken: the plugin declares the requirement
        print(f"note: {error}")
    except HubError as error:
        print(f"broken: {entry.id} ({distribution_of(entry)})\n{''.join(traceback.format_exception(error))}")
        return False
    return True
