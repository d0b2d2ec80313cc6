"""The entry point of the command line: parse the arguments, run the command, turn errors into exit codes."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import traceback
from typing import NoReturn, Protocol, cast

import hub
from hub.cli.display.describe import distribution_of
from hub.cli.display.logs import add_verbosity, logs_to_stderr
from hub.errors import ContractError, HubError, did_you_mean
from hub.registry import entries, find

COMMANDS = {
    "train": ("hub.cli.train", "train the model of a config"),
    "evaluate": ("hub.cli.evaluate", "evaluate a trained model on a dataset"),
    "predict": ("hub.cli.predict", "run a trained model on images"),
    "data": ("hub.cli.data.command", "generate, convert, count, draw and check datasets"),
    "list": ("hub.cli.listing", "list tasks, necks, datasets and backbones"),
    "info": ("hub.cli.info", "describe a plugin or a model"),
    "plugins": ("hub.cli.plugins", "list third-party plugins, and find their problems"),
}


class UsageError(HubError):
    """Invalid command-line arguments."""


class Parser(argparse.ArgumentParser):
    """An `argparse.ArgumentParser` that raises `UsageError`, so that all messages have the same form."""

    def error(self, message: str) -> NoReturn:
        """Raise `UsageError` instead of exiting."""
        raise UsageError(message, fix=f"see `{self.prog} --help`")


def main(argv: list[str] | None = None) -> int:
    """Run one command. With ``HUB_DEBUG=1`` in the environment, errors are printed with their traceback.

    Args:
        argv: the arguments; None takes those of the process.

    Returns:
        The exit code: 0, or that of the `hub.errors.HubError` raised, or 130 after Ctrl-C.

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
    except BrokenPipeError:  # `hub list | head`: the reader has exited
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141  # 128 + SIGPIPE, as in shells


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
        args = _parse(parser, argv[1:], more=getattr(command, "ACCEPTS_MORE", False))
    except SystemExit as stop:  # --help
        return int(stop.code or 0)
    with logs_to_stderr(args.verbosity):
        return int(command.run(args))


class Command(Protocol):
    """A subcommand: a module of the hub, or what the target of a `hub.CommandSpec` makes."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""

    def run(self, args: argparse.Namespace) -> int:
        """Run it and return the exit code."""


def _command(name: str) -> tuple[Command, str]:
    """Return a command and its summary: one of the hub's own, or one of a plugin."""
    if name in COMMANDS:
        module, summary = COMMANDS[name]
        return cast(Command, importlib.import_module(module)), summary
    known = [*COMMANDS, *(entry.name for entry in entries("commands"))]
    if name.rpartition(":")[2] not in known:
        raise UsageError(f"unknown command {name!r}.{did_you_mean(name, known)}", fix=f"choose {', '.join(known)}")
    entry = find("commands", name)
    made = entry.factory()()
    for method in ("add_arguments", "run"):
        if not callable(getattr(made, method, None)):
            raise ContractError(
                f"the command {entry.id} has no {method}", fix="see hub.CommandSpec for the methods of a command"
            )
    return cast(Command, made), entry.spec().summary


def _parse(parser: argparse.ArgumentParser, argv: list[str], *, more: bool) -> argparse.Namespace:
    """Parse the arguments; ``more`` keeps those that the parser does not know as ``rest``."""
    if more:
        args, rest = parser.parse_known_args(argv)
        args.rest = rest
        return args
    try:
        return parser.parse_intermixed_args(argv)  # `hub train CONFIG --resume key=value`
    except TypeError:  # argparse does not support intermixed arguments with subcommands
        return parser.parse_args(argv)


def _help() -> str:
    commands = {name: summary for name, (_, summary) in COMMANDS.items()}
    # From metadata alone: help must neither wait for plugins nor fail because of one.
    commands |= {e.name: f"from {distribution_of(e)}" for e in entries("commands") if e.name not in commands}
    width = max(map(len, commands))
    rows = "\n".join(f"  {name:<{width}}  {summary}" for name, summary in commands.items())
    description = (hub.__doc__ or "").partition("\n")[0]
    return (
        f"usage: hub COMMAND [-h] …\n\n{description}\n\ncommands:\n{rows}\n\n"
        "`hub COMMAND --help` describes a command. HUB_DEBUG=1 shows the traceback of errors."
    )
