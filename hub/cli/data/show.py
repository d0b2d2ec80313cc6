"""``hub data show``: draw samples as training gets them."""

from __future__ import annotations

import argparse
from pathlib import Path

from hub.cli.arguments import positive
from hub.cli.data.source import EXAMPLES, add_source, open_source, source_config

SUMMARY = f"""\
draw samples with their labels, as training gets them

With a config, samples are drawn after the augmentation of an epoch, with the targets and label names of the model's
heads. With --from, they are drawn as in their files, with all annotations.

{EXAMPLES.format("hub data show")}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_source(parser)
    parser.add_argument("--out", metavar="FILE", default="data.png", help="image file to write (default: data.png)")
    parser.add_argument("--count", type=positive, default=12, help="number of samples (default: 12)")
    parser.add_argument("--epoch", type=int, default=0, help="epoch whose augmentation to show (default: 0)")
    parser.add_argument("--val", action="store_true", help="draw the validation data, as evaluation gets them")


def run(args: argparse.Namespace) -> int:
    """Draw the samples and print where."""
    from hub.engine.training_samples import config_pipelines, draw_samples_grid, plain_pipeline
    from hub.errors import ConfigError
    from hub.visual import write_image

    if args.format is None:
        pipelines, labels = config_pipelines(source_config(args), val=args.val)
    else:
        if args.val:
            raise ConfigError("--val needs a config", fix="with --from, choose the split by the options of the format")
        (dataset,) = open_source(args).values()
        pipelines, labels = [plain_pipeline(dataset)], dict(dataset.label_spaces)
    write_image(Path(args.out), draw_samples_grid(pipelines, labels, count=args.count, epoch=args.epoch))
    there = " and ".join(f"the {len(pipeline)} samples of {pipeline.dataset.name}" for pipeline in pipelines)
    print(f"{args.out}: some of {there}")
    return 0
