"""``hub depth``: data to try depth on."""

from __future__ import annotations

import argparse


class DepthCommand:
    """The subcommand as `hub.CommandSpec` describes it."""

    SUMMARY = """\
Depth from one image.

  hub depth motorcycle OUT     a photograph with measured depth, as a dataset for the format depth-folder"""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the arguments."""
        commands = parser.add_subparsers(dest="depth_command", required=True, metavar="COMMAND")
        motorcycle = commands.add_parser("motorcycle", help="write a photograph with measured depth as a dataset")
        motorcycle.add_argument("out", metavar="OUT", help="folder to make, such as data/motorcycle")

    def run(self, args: argparse.Namespace) -> int:
        """Write the dataset."""
        from hub_depth.motorcycle import write_motorcycle

        widths = write_motorcycle(args.out)
        print(f"{args.out}: the left {widths['train']} columns to train on, {widths['val']} held out")
        return 0
