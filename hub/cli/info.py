"""``hub info``: describe a plugin or a model."""

from __future__ import annotations

import argparse

from hub.cli.describe import distribution_of
from hub.cli.table import format_table
from hub.errors import UnknownNameError, did_you_mean
from hub.names import ModelName
from hub.registry import Entry, find, info, list_names
from hub.spec import TaskSpec

SUMMARY = """\
describe a plugin or a model

  hub info faster-rcnn                 a plugin: where it comes from, and its options
  hub info resnet101-fpn               a trunk: its levels, size and pretrained weights
  hub info faster-rcnn/resnet101-fpn   both"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("name", metavar="NAME", help="a name that `hub list` shows, or a model name")


def run(args: argparse.Namespace) -> int:
    """Print the description."""
    print("\n\n".join(_sections(args.name)))
    return 0


def _sections(text: str) -> list[str]:
    try:
        return [_plugin(info(text))]
    except UnknownNameError:
        name = ModelName.parse(text)
    plugins = [find("tasks", task) for task in name.tasks]
    backbones = list_names(kind="backbones")
    if name.backbone not in backbones:
        raise UnknownNameError(
            f"unknown name {text!r}.{did_you_mean(name.trunk, [*list_names(), *backbones])}",
            fix="`hub list` shows the plugins, `hub list --backbones` the backbones",
        )
    return [_trunk(name), *map(_plugin, plugins)]


def _plugin(entry: Entry) -> str:
    from hub.cli.options import format_options

    spec = entry.spec()
    kind = [("kind", spec.kind)] if isinstance(spec, TaskSpec) else []
    needs = [("requires", f"{package} ({pip})") for package, pip in spec.requires.items()]
    about = [("id", entry.id), ("from", distribution_of(entry)), *kind, ("target", spec.target), *needs]
    return f"{entry.name}: {spec.summary}\n{_pairs(about)}\n\noptions:\n{format_options(entry.target())}"


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
    return f"{name.trunk}: a trunk\n{_pairs(about)}\n\n{format_table(('LEVEL', 'CHANNELS', 'STRIDE'), rows)}"


def _pairs(pairs: list[tuple[str, str]]) -> str:
    return "\n".join(f"  {key + ':':<12} {value}" for key, value in pairs)
