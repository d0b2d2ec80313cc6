"""``hub data check``: find the problems of a dataset."""

from __future__ import annotations

import argparse

from hub.cli.arguments import positive
from hub.cli.data.source import EXAMPLES, add_source, open_source
from hub.cli.display.progress import progress_bar

SUMMARY = f"""\
decode every image and annotation, and list all problems

{EXAMPLES.format("hub data check")}

The exit code is 1 if there are problems."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_source(parser)
    parser.add_argument("--workers", type=positive, default=4, help="number of threads (default: 4)")


def run(args: argparse.Namespace) -> int:
    """Check the data and print the problems."""
    from hub.data.tools.check import find_problems

    splits = open_source(args)
    problems: dict[str, list[str]] = {}
    for split, dataset in splits.items():
        with progress_bar(split) as progress:
            problems[split] = find_problems(dataset, workers=args.workers, progress=progress)
    for found in problems.values():
        for line in found:
            print(line)
    for split, dataset in splits.items():
        print(f"{split}: {len(dataset)} images, {len(problems[split]) or 'no'} problems ({dataset.name})")
    return 1 if any(problems.values()) else 0
