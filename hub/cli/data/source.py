"""The data of a command: those of a config, or a folder in a given format."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hub.errors import ConfigError

if TYPE_CHECKING:
    from hub.contract.dataset import Dataset
    from hub.engine.config import Config

EXAMPLES = """\
The data are data.train and data.val of a config, or a folder, whose format is detected or given with its options:

  {0} configs/quickstart.yaml data.root=/data/shapes
  {0} /data/mine --split val
  {0} --from coco root=/data/coco images=val2017 annotations=annotations/instances_val2017.json
  {0} --from yolo root=/data/mine split=train

`hub info coco` shows the options of a format."""


def add_source(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that select the data."""
    parser.add_argument(
        "source",
        nargs="*",
        metavar="CONFIG | FOLDER | key=value",
        help="a config and overrides, or a folder of data and options of its format",
    )
    parser.add_argument("--from", dest="format", metavar="FORMAT", help="format of the folder (default: detected)")
    parser.add_argument(
        "--split", metavar="NAME", help="of a folder: name of the split (default: the option split, or else train)"
    )


def source_config(args: argparse.Namespace) -> Config:
    """Load the config of the arguments.

    Raises:
        ConfigError: there is no config, or it is invalid.
    """
    from hub.engine.config import load_config, resolve_config

    if not args.source or "=" in args.source[0]:
        raise ConfigError("no data are given", fix="give a config or a folder; see --help")
    return load_config(resolve_config(args.source[0]), args.source[1:])


def open_source(args: argparse.Namespace) -> dict[str, Dataset]:
    """Open the datasets by split: ``train`` and ``val`` of the config (``train.0``… of a list), or that of ``--from``.

    Raises:
        ConfigError, UnknownNameError, OptionError, DataError: see `hub.errors`.
    """
    from hub.engine.build import AUTO, open_dataset
    from hub.engine.config import apply_overrides
    from hub.engine.train_batches import open_sources

    if args.format is None and not _is_folder(args.source):
        if args.split is not None:
            raise ConfigError("--split needs a folder", fix="leave it out: the splits of a config are train and val")
        data = source_config(args).data
        splits = {}
        for split, declared in (("train", data.train), ("val", data.val)):
            sources = open_sources(declared, root=data.root, where=f"data.{split}")
            for number, source in enumerate(sources):
                splits[split if len(sources) == 1 else f"{split}.{number}"] = source.dataset
        return splits
    words = list(args.source)
    if words and "=" not in words[0]:
        words[0] = f"root={words[0]}"
    if plain := [word for word in words if "=" not in word]:
        raise ConfigError(f"{plain[0]!r} is not key=value", fix="give one folder, then options as key=value")
    section = apply_overrides({}, words)
    if "root" not in section:
        raise ConfigError("no folder is given", fix="add root=FOLDER")
    split = args.split or str(section.get("split", "train")).removesuffix(".txt")
    section["format"] = args.format or AUTO
    if section["format"] == AUTO:
        section["split"] = split
    return {split: open_dataset(section, root="", where="--from")}


def _is_folder(source: Sequence[str]) -> bool:
    """Whether the arguments are a folder of data with options, rather than a config with overrides."""
    return bool(source) and (source[0].startswith("root=") or Path(source[0]).is_dir())
