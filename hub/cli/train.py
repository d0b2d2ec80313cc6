"""``hub train``: train the model of a config."""

from __future__ import annotations

import argparse
from pathlib import Path

SUMMARY = "train the model of a config file"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("config", help="a YAML file, a shipped config's name, or the folder of a run to go on with")
    parser.add_argument(
        "overrides", nargs="*", metavar="key=value", help="for example data.root=/data/coco train.batch=4"
    )
    parser.add_argument("--out", metavar="DIR", help="folder of the run (default: runs/ and the config's name)")
    parser.add_argument("--resume", action="store_true", help="go on from the run's last checkpoint")
    parser.add_argument("--device", help="for example cpu or cuda:0 (default: the GPU where there is one)")


def run(args: argparse.Namespace) -> int:
    """Train; see `hub.engine.trainer.Trainer` for what it raises."""
    from hub.engine.config import load_config
    from hub.engine.config_path import resolve_config
    from hub.engine.distributed import world
    from hub.engine.run import Run
    from hub.engine.trainer import Trainer
    from hub.errors import ConfigError

    given = Path(args.config)
    from_run = given.is_dir()
    if from_run and not args.resume:
        raise ConfigError(f"{given} is the folder of a run", fix="add --resume, or give a config file")
    path = given / "config.yaml" if from_run else resolve_config(given)
    config = load_config(path, args.overrides)
    folder = Path(args.out) if args.out else given if from_run else Path("runs") / path.stem
    with world(args.device) as here:
        if args.resume:
            here_run = Run(folder)
            content = here_run.resume(config)
        else:
            # Rank 0 chooses, so that all processes mean the same folder.
            here_run = Run(here.gather(str(Run.new(folder).folder))[0])
            content = None
        trainer = Trainer(config, here_run, here)
        if content is not None:
            trainer.resume(content)
        elif here.first:
            here_run.begin(config)
        trainer.fit()
    return 0
