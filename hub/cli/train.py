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
    """Train or go on training; see `hub.engine.trainer.Trainer` for what it raises."""
    from hub.engine.config import load_config
    from hub.engine.config_path import resolve_config
    from hub.engine.distributed import world
    from hub.engine.run import Run
    from hub.engine.trainer import Trainer
    from hub.errors import ConfigError

    given = Path(args.config)
    if given.is_dir() and not args.resume:
        raise ConfigError(f"{given} is the folder of a run", fix="add --resume, or give a config file")
    path = given if given.is_dir() else resolve_config(given)
    named = args.out or (given if given.is_dir() else None)
    with world(args.device) as here:
        if args.resume:
            home = Run(named) if named else Run.latest(Path("runs") / path.stem)
            stored = home.stored_config()
            config = load_config(home.config if given.is_dir() else path, args.overrides)
            content = home.resume(config)
        else:
            config, content = load_config(path, args.overrides), None
            # Rank 0 chooses, so that all processes mean the same folder.
            home = Run(named) if named else Run(here.gather(str(Run.new(Path("runs") / path.stem).folder))[0])
            if home.config.exists():
                raise ConfigError(f"{home.folder} holds a run", fix="add --resume, or choose another --out")
            here.barrier()  # nobody looks for the config after rank 0 has written it
        trainer = Trainer(config, home, here, resume=content)
        if here.is_main and (content is None or config != stored):
            home.begin(config)
        trainer.fit()
    return 0
