"""``hub evaluate``: the figures of a trained model."""

from __future__ import annotations

import argparse
from pathlib import Path

from hub.cli.arguments import positive

SUMMARY = "score a trained model on annotated images"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("model", help="the folder of a run, or a .safetensors checkpoint")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="for example data.root=/data/coco")
    parser.add_argument("--config", help="config whose data.val to use (default: the run's)")
    parser.add_argument("--batch", type=positive, default=8, help="images computed together (default: 8)")
    parser.add_argument("--out", metavar="FILE", help="write the figures as JSON")
    parser.add_argument("--device", help="for example cpu or cuda:0")
    parser.add_argument("--precision", default="auto", help="auto, bf16 or fp32 (default: auto)")


def run(args: argparse.Namespace) -> int:
    """Evaluate and print the tables."""
    from dataclasses import asdict

    from rich.console import Console

    from hub.engine.build import open_dataset
    from hub.engine.config import load_config
    from hub.engine.config_path import resolve_config
    from hub.engine.distributed import world
    from hub.engine.evaluate import evaluate
    from hub.engine.run import Run
    from hub.errors import ConfigError
    from hub.files import write_json
    from hub.visual.tables import evaluation_table, per_class_table
    from hub.weights import find_checkpoint, load

    checkpoint = find_checkpoint(args.model)
    source = resolve_config(args.config) if args.config else Run(checkpoint.parent).config
    if not source.exists():
        raise ConfigError(f"no config says which data to score {checkpoint} on", fix="add --config FILE")
    config = load_config(source, args.overrides)
    with world(args.device) as here:
        dataset = open_dataset(config.data.val, root=config.data.root, where="data.val")
        model = load(checkpoint, device=here.device)
        found = evaluate(
            model,
            dataset,
            world=here,
            batch=args.batch,
            workers=config.data.workers,
            precision=args.precision,
        )
        if here.first:
            console = Console()
            console.print(f"{checkpoint} on {len(dataset)} images of {dataset.name}")
            console.print(evaluation_table(found))
            for head, evaluation in found.items():
                if evaluation.per_class:
                    console.print(per_class_table(head, evaluation))
            if args.out:
                write_json(Path(args.out), {head: asdict(e) for head, e in found.items()})
    return 0
