"""``hub info``: describe a plugin, a model, a run or a config."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from hub.cli.display.describe import distribution_of
from hub.cli.display.table import format_table, pairs, paragraph
from hub.errors import UnknownNameError, did_you_mean
from hub.names import ModelName
from hub.registry import Entry, find, info, list_names
from hub.spec import TaskSpec

SUMMARY = """\
describe a plugin, a model, a run or a config

  hub info faster-rcnn                 a plugin: where it comes from, and its options
  hub info resnet101-fpn               a trunk: its levels, size and pretrained weights
  hub info faster-rcnn/resnet101-fpn   both
  hub info runs/quickstart             a training run: its model, data, progress and best metrics
  hub info quickstart                  a config: its recipe and results"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("name", metavar="NAME", help="a name of `hub list`, a model name, a run folder, or a config")


def run(args: argparse.Namespace) -> int:
    """Print the description."""
    print("\n\n".join(_sections(args.name)))
    return 0


def _sections(text: str) -> list[str]:
    if (Path(text) / "config.yaml").is_file():
        from hub.cli.display.run_info import describe_run

        return [describe_run(Path(text))]
    try:
        return [_plugin(info(text))]
    except UnknownNameError:
        if (config := _config(text)) is not None:
            from hub.cli.display.run_info import describe_config

            return [describe_config(config)]
        name = ModelName.parse(text)
    plugins = [find("tasks", task) for task in name.tasks]
    backbones = list_names(kind="backbones")
    if name.backbone not in backbones:
        raise UnknownNameError(
            f"unknown name {text!r}.{did_you_mean(name.trunk, [*list_names(), *backbones])}",
            fix="`hub list` shows the plugins, `hub list --backbones` the backbones",
        )
    return [_trunk(name), *map(_plugin, plugins)]


def _config(text: str) -> Path | None:
    """Return the config file that a name means, if there is one."""
    from hub.engine.config.path import resolve_config

    path = resolve_config(text)
    return path if path.is_file() else None


def _options(entry: Entry) -> Any:
    """Return the options of a task without importing torch, if its spec names them; else the target."""
    spec = entry.spec()
    return entry.load(spec.options) if isinstance(spec, TaskSpec) and spec.options is not None else entry.target()


def _plugin(entry: Entry) -> str:
    from hub.cli.display.options import format_options

    spec = entry.spec()
    kind = [("kind", spec.kind)] if isinstance(spec, TaskSpec) else []
    needs = [("requires", f"{package} ({pip})") for package, pip in spec.requires.items()]
    about = [("id", entry.id), ("from", distribution_of(entry)), *kind, ("target", spec.target), *needs]
    title = paragraph(f"{entry.name}: {spec.summary}", indent="  ")
    return f"{title}\n{pairs(about)}\n\noptions:\n{format_options(_options(entry))}"


def _trunk(name: ModelName) -> str:
    import timm

    from hub.backbones.create import create_trunk

    trunk = create_trunk(name.trunk)
    parameters = sum(p.numel() for p in trunk.parameters())
    tags = [full.partition(".")[2] for full in timm.list_pretrained(f"{name.backbone}.*")]
    rows = [(level, str(trunk.channels[level]), str(trunk.strides[level])) for level in trunk.levels]
    about = [
        ("parameters", f"{parameters / 1e6:.1f} million"),
        ("mean, std", f"{trunk.preprocessing.mean}, {trunk.preprocessing.std}"),
        ("weights", ", ".join(tags) or "none"),
    ]
    return f"{name.trunk}: a trunk\n{pairs(about)}\n\n{format_table(('LEVEL', 'CHANNELS', 'STRIDE'), rows)}"
