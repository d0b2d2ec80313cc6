"""``hub data convert``: from one format to another."""

from __future__ import annotations

import argparse
from pathlib import Path

from hub.cli.data.source import EXAMPLES, add_source, open_source
from hub.cli.progress import progress_bar

SUMMARY = f"""\
convert data to another format

{EXAMPLES.format("hub data convert OUT --to voc")}

OUT appears whole or not at all. What the format cannot hold is counted, and refused where it would spoil the data.
Images are hard links to the originals where the file system can: change one, and you change both."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("out", metavar="OUT", help="folder to make")
    parser.add_argument("--to", required=True, metavar="FORMAT", help="coco, voc, yolo, mask-folder, csv, …")
    parser.add_argument("--only", metavar="KIND,…", help="take these annotations alone, for example boxes")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--copy", dest="link", action="store_false", help="copy the images")
    how.add_argument("--link", dest="link", action="store_true", help="link the images, or copy them (the default)")
    parser.set_defaults(link=True)
    add_source(parser)


def run(args: argparse.Namespace) -> int:
    """Convert, and print what was kept, changed and lost, and how to open it."""
    import yaml

    from hub.data.writers.convert import convert

    splits = open_source(args)
    with progress_bar("write") as progress:
        found = convert(
            splits,
            args.to,
            Path(args.out),
            link=args.link,
            only=frozenset(args.only.split(",")) if args.only else None,
            progress=progress,
        )
    print(f"{args.out} ({args.to})")
    for title, counts in (("kept", found.kept), ("changed", found.changed), ("lost", found.lost)):
        print(f"{title}:" + ("" if counts else " nothing"))
        for what, count in counts.items():
            print(f"  {count:>9,} {what}")
    section = {"root": str(Path(args.out).expanduser().absolute()), **found.sections}
    text = yaml.safe_dump({"data": section}, sort_keys=False, allow_unicode=True, default_flow_style=None, width=10**6)
    print(f"in a config:\n{text}", end="")
    return 0
