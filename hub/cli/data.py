"""``hub data``: make data sets."""

from __future__ import annotations

import argparse
from pathlib import Path

SUMMARY = "make a data set"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    commands = parser.add_subparsers(dest="data_command", required=True, metavar="COMMAND")

    shapes = commands.add_parser("shapes", help="generate a set of drawn shapes in COCO layout")
    shapes.add_argument("out", help="folder to make")
    shapes.add_argument("--train", type=int, default=1600, help="training images (default: 1600)")
    shapes.add_argument("--val", type=int, default=200, help="validation images (default: 200)")
    shapes.add_argument("--size", type=int, default=128, help="side of an image in pixels (default: 128)")
    shapes.add_argument("--seed", type=int, default=0, help="the same seed gives the same files (default: 0)")
    shapes.set_defaults(run_data=_shapes)


def run(args: argparse.Namespace) -> int:
    """Run the subcommand chosen."""
    return int(args.run_data(args))


def _shapes(args: argparse.Namespace) -> int:
    from rich.progress import Progress

    from hub.data.shapes import ShapesOptions, generate_shapes
    from hub.model import parse_options

    given = {name: getattr(args, name) for name in ("train", "val", "size", "seed")}
    options = parse_options(ShapesOptions, {"root": args.out, **given}, owner="hub data shapes")
    with Progress(transient=True) as bar:
        task = bar.add_task("draw")
        generate_shapes(
            Path(args.out), **given, progress=lambda done, total: bar.update(task, completed=done, total=total)
        )
    print(f"{options.train} training and {options.val} validation images in {args.out}")
    return 0
