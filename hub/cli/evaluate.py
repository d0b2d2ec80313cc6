"""``hub evaluate``: the metrics of a trained model."""

from __future__ import annotations

import argparse
from pathlib import Path

from hub.cli.arguments import add_local_code, positive
from hub.cli.windows import add_window_arguments, windows_of

SUMMARY = "score a trained model on annotated images"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("model", help="the folder of a run, or a .safetensors checkpoint")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="for example data.root=/data/coco")
    parser.add_argument("--config", help="config whose data.val to use (default: the run's)")
    parser.add_argument("--batch", type=positive, default=8, help="images computed together (default: 8)")
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="JSON file for the metrics; reports go beside it",
    )
    add_window_arguments(parser)
    add_local_code(parser)
    parser.add_argument("--device", help="for example cpu or cuda:0")
    parser.add_argument("--precision", default="auto", help="auto, bf16 or fp32 (default: auto)")


def run(args: argparse.Namespace) -> int:
    """Evaluate and print the tables."""
    from rich.console import Console

    from hub.engine.config import load_config, resolve_config
    from hub.engine.evaluation import evaluate_checkpoint
    from hub.engine.loggers.console import print_evaluations
    from hub.engine.run import Run
    from hub.errors import ConfigError
    from hub.weights import find_checkpoint

    windows = windows_of(args)
    checkpoint = find_checkpoint(args.model)
    source = resolve_config(args.config) if args.config else Run(checkpoint.parent).config
    if not source.exists():
        raise ConfigError(f"no config states the data to evaluate {checkpoint} on", fix="add --config FILE")
    out = Path(args.out) if args.out else checkpoint.parent / "evaluation" / "evaluation.json"
    found = evaluate_checkpoint(
        checkpoint,
        load_config(source, args.overrides),
        device=args.device,
        batch_size=args.batch,
        precision=args.precision,
        windows=windows,
        out=out,
    )
    if found:  # on rank 0
        console = Console()
        print_evaluations(console, found, title=f"{checkpoint}")
        console.print(f"written to {out.parent}/")
    return 0
