"""``hub train``: train the model of a config."""

from __future__ import annotations

import argparse

from hub.cli.arguments import add_local_code

SUMMARY = "train the model of a config file"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("config", help="a YAML file, a shipped config's name, or the folder of a run to go on with")
    parser.add_argument(
        "overrides", nargs="*", metavar="key=value", help="for example data.root=/data/coco train.batch=4"
    )
    parser.add_argument("--out", metavar="DIR", help="folder of the run (default: runs/ and the config's name)")
    parser.add_argument("--resume", action="store_true", help="go on from the run's last checkpoint")
    add_local_code(parser)
    parser.add_argument("--device", help="for example cpu or cuda:0 (default: the GPU where there is one)")


def run(args: argparse.Namespace) -> int:
    """Train or go on training; see `hub.engine.api.train` for what it raises."""
    from hub.engine.api import train
    from hub.engine.config import parse_overrides

    train(args.config, out=args.out, resume=args.resume, device=args.device, **parse_overrides(args.overrides))
    return 0
