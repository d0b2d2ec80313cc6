"""``hub data stats``: statistics of a dataset."""

from __future__ import annotations

import argparse

from hub.cli.data.source import EXAMPLES, add_source, open_source
from hub.cli.display.progress import progress_bar

SUMMARY = f"""\
count images, objects, classes and bad boxes

{EXAMPLES.format("hub data stats")}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_source(parser)


def run(args: argparse.Namespace) -> int:
    """Compute the statistics and print the tables."""
    from rich.console import Console

    from hub.data.tools.statistics import dataset_statistics
    from hub.visual.data_tables import class_tables, data_table

    splits = open_source(args)
    statistics = {}
    for split, dataset in splits.items():
        with progress_bar(split) as progress:
            statistics[split] = dataset_statistics(dataset, progress=progress)
    console = Console()
    for split, dataset in splits.items():
        console.print(f"{split}: {dataset.name}", markup=False, highlight=False, soft_wrap=True)
    console.print(data_table(statistics))
    for table in class_tables(statistics):
        console.print(table)
    return 0
