"""``hub data``: generate, convert and inspect datasets."""

from __future__ import annotations

import argparse
import importlib
from typing import Any

from hub.cli.main import Parser

SUMMARY = "generate, convert, count, draw and check datasets"

COMMANDS = {
    "shapes": "hub.cli.data.shapes",
    "convert": "hub.cli.data.convert",
    "stats": "hub.cli.data.stats",
    "show": "hub.cli.data.show",
    "check": "hub.cli.data.check",
}


class MixedParser(Parser):
    """A parser of a subcommand that accepts options between positional arguments: ``CONFIG --count 4 key=value``."""

    _mixing = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse as `argparse.ArgumentParser.parse_known_args`, which intermixed parsing calls itself."""
        if self._mixing:
            return super().parse_known_args(args, namespace)
        self._mixing = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._mixing = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    commands = parser.add_subparsers(dest="data_command", required=True, metavar="COMMAND", parser_class=MixedParser)
    for name, module in COMMANDS.items():
        command = importlib.import_module(module)
        own = commands.add_parser(
            name,
            help=command.SUMMARY.partition("\n")[0],
            description=command.SUMMARY,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(own)
        own.set_defaults(run_data=command.run)


def run(args: argparse.Namespace) -> int:
    """Run the chosen subcommand."""
    return int(args.run_data(args))
