"""``hub data convert``: convert a dataset to another format."""

from __future__ import annotations

import argparse
from pathlib import Path

from hub.cli.data.source import EXAMPLES, add_source, open_source
from hub.cli.display.progress import progress_bar

SUMMARY = f"""\
convert data to another format

{EXAMPLES.format("hub data convert OUT --to voc")}

OUT is created completely or not at all. Annotations that the format cannot represent are counted; the conversion
stops if leaving them out would make the data wrong. Images are hard links to the originals if the file system
supports them: changing one changes both."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("out", metavar="OUT", help="folder to create")
    parser.add_argument("--to", required=True, metavar="FORMAT", help="coco, voc, yolo, mask-folder, csv, …")
    parser.add_argument("--only", metavar="KIND,…", help="convert only these annotations, for example boxes")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--copy", dest="link", action="store_false", help="copy the images")
    how.add_argument("--link", dest="link", action="store_true", help="link the images, or else copy them (default)")
    parser.set_defaults(link=True)
    add_source(parser)


def run(args: argparse.Namespace) -> int:
    """Convert, and print what was kept, changed and lost, and the section for a config."""
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
