"""``hub data show``: drawn samples, as training sees them."""

from __future__ import annotations

import argparse
from pathlib import Path

from hub.cli.arguments import positive
from hub.cli.data.source import EXAMPLES, add_source, open_source, source_config

SUMMARY = f"""\
draw samples with their labels, as training sees them

With a config, samples are drawn after the augmentation of an epoch, with what the model's heads learn from, by the
names of the model's labels. With --from, they are drawn as they are in the files, with all that these give.

{EXAMPLES.format("hub data show")}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_source(parser)
    parser.add_argument("--out", metavar="FILE", default="data.png", help="picture to write (default: data.png)")
    parser.add_argument("--count", type=positive, default=12, help="samples drawn (default: 12)")
    parser.add_argument("--epoch", type=int, default=0, help="whose augmentation to show (default: 0)")
    parser.add_argument("--val", action="store_true", help="the validation data, as evaluation sees them")


def run(args: argparse.Namespace) -> int:
    """Draw, and say where."""
    from hub.engine.data_sheet import config_pipelines, draw_sheet, plain_pipeline
    from hub.errors import ConfigError
    from hub.visual import write_image

    if args.format is None:
        pipelines, labels = config_pipelines(source_config(args), val=args.val)
    else:
        if args.val:
            raise ConfigError("--val goes with a config", fix="name the split among the options of the format")
        (dataset,) = open_source(args).values()
        pipelines, labels = [plain_pipeline(dataset)], dict(dataset.label_spaces)
    write_image(Path(args.out), draw_sheet(pipelines, labels, count=args.count, epoch=args.epoch))
    there = " and ".join(f"the {len(pipeline)} samples of {pipeline.dataset.name}" for pipeline in pipelines)
    print(f"{args.out}: some of {there}")
    return 0
