"""From arguments to a command, and from whatever it raises to an exit code."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import traceback
from typing import Any

import hub
from hub.cli.describe import distribution_of
from hub.cli.logs import add_verbosity, logs_to_stderr
from hub.errors import HubError, did_you_mean
from hub.registry import entries, find

COMMANDS = {
    "train": ("hub.cli.train", "train a model as a config says"),
    "evaluate": ("hub.cli.evaluate", "score a trained model on a dataset"),
    "predict": ("hub.cli.predict", "run a trained model on images"),
    "data": ("hub.cli.data.command", "make, convert, count, draw and check datasets"),
    "list": ("hub.cli.listing", "what there is to choose from: tasks, necks, datasets, backbones"),
    "info": ("hub.cli.info", "one plugin or one model in detail"),
    "plugins": ("hub.cli.plugins", "third-party plugins, and what is wrong with them"),
}


class UsageError(HubError):
    """Arguments that the command line does not understand."""


class Parser(argparse.ArgumentParser):
    """An `argparse.ArgumentParser` whose errors are `HubError`: every message has one form."""

    def error(self, message: str) -> None:  # type: ignore[override]
        """Raise the message instead of exiting."""
        raise UsageError(message, fix=f"see `{self.prog} --help`")


def main(argv: list[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the arguments, those of the process if None.

    Returns:
        The exit code: 0, or that of the `hub.errors.HubError` raised, or 130 after Ctrl-C. ``HUB_DEBUG=1``
        shows the traceback of an error.

    >>> main(["--version"])
    hub ...
    0
    """
    try:
        code = _run(sys.argv[1:] if argv is None else argv)
        sys.stdout.flush()
        return code
    except HubError as error:
        if os.environ.get("HUB_DEBUG", "0") not in ("", "0"):
            traceback.print_exc()
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `hub list | head`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141  # as shells report it: 128 + SIGPIPE


def _run(argv: list[str]) -> int:
    first = argv[0] if argv else "--help"
    if first in ("-h", "--help"):
        print(_help())
        return 0
    if first == "--version":
        print(f"hub {hub.__version__}")
        return 0
    command, summary = _command(first)
    parser = Parser(
        prog=f"hub {first}",
        description=getattr(command, "SUMMARY", summary),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_arguments(parser)
    add_verbosity(parser)
    try:
        args = _parse(parser, argv[1:])
    except SystemExit as stop:  # --help
        return int(stop.code or 0)
    with logs_to_stderr(args.verbosity):
        return int(command.run(args))


def _command(name: str) -> tuple[Any, str]:
    """A command and its summary: one of ours, or one that a plugin brings."""
    if name in COMMANDS:
        module, summary = COMMANDS[name]
        return importlib.import_module(module), summary
    known = [*COMMANDS, *(entry.name for entry in entries("commands"))]
    if name.rpartition(":")[2] not in known:
        raise UsageError(f"unknown command {name!r}.{did_you_mean(name, known)}", fix=f"one of {', '.join(known)}")
    entry = find("commands", name)
    return entry.target()(), entry.spec().summary


def _parse(parser: argparse.ArgumentParser, argv: list[str]) -> argparse.Namespace:
    try:
        return parser.parse_intermixed_args(argv)  # `hub train CONFIG --resume key=value`
    except TypeError:  # argparse cannot mix the arguments of a command with subcommands
        return parser.parse_args(argv)


def _help() -> str:
    commands = {name: summary for name, (_, summary) in COMMANDS.items()}
    # From the metadata alone: help must not wait for plugins, nor break with one.
    commands |= {e.name: f"from {distribution_of(e)}" for e in entries("commands") if e.name not in commands}
    width = max(map(len, commands))
    rows = "\n".join(f"  {name:<{width}}  {summary}" for name, summary in commands.items())
    what = (hub.__doc__ or "").partition("\n")[0]
    return (
        f"usage: hub COMMAND [-h] …\n\n{what}\n\ncommands:\n{rows}\n\n"
        "`hub COMMAND --help` explains one. HUB_DEBUG=1 shows the traceback of an error."
    )
