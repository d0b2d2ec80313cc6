"""``hub data shapes``: generated data."""

from __future__ import annotations

import argparse
from pathlib import Path

from hub.cli.display.progress import progress_bar

SUMMARY = "generate a dataset of drawn shapes in COCO's format"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("out", help="folder to create")
    parser.add_argument("--train", type=int, default=1600, help="training images (default: 1600)")
    parser.add_argument("--val", type=int, default=200, help="validation images (default: 200)")
    parser.add_argument("--size", type=int, default=128, help="height and width of an image in pixels (default: 128)")
    parser.add_argument("--objects", type=int, default=5, help="maximum number of shapes per image (default: 5)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same files (default: 0)")


def run(args: argparse.Namespace) -> int:
    """Generate the data and print where."""
    from hub.contract import parse_options
    from hub.data.formats.shapes import PARAMETERS, ShapesOptions, generate_shapes

    given = {name: getattr(args, name) for name in PARAMETERS}
    options = parse_options(ShapesOptions, {"root": args.out, **given}, owner="hub data shapes")
    with progress_bar("draw") as progress:
        generate_shapes(Path(args.out), **given, progress=progress)
    print(f"{options.train} training and {options.val} validation images in {args.out}")
    return 0
