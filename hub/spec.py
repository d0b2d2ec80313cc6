"""What a plugin declares about itself: a few strings, importable without torch.

An entry point of the group ``backbone_hub.<kind>s.v1`` points at one of these. The hub reads it to list and
describe the plugin, and imports ``target`` only when somebody uses it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from hub.errors import ContractError

__all__ = [
    "CONTRACT_VERSION",
    "SPECS",
    "BackboneSpec",
    "CommandSpec",
    "DatasetSpec",
    "LoggerSpec",
    "NeckSpec",
    "OptimizerSpec",
    "ReaderSpec",
    "ScheduleSpec",
    "Spec",
    "TaskSpec",
    "TransformSpec",
]

CONTRACT_VERSION = 1
"""The version of the plugin contract that this hub has: the ``v1`` of entry point groups."""

_NAME = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*", re.ASCII)
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Spec:
    """Base of all specs.

    Args:
        name: what users type; lower case, words joined by ``-`` or ``_``.
        summary: one line for ``hub list``.
        target: ``"module:attribute"``, imported on first use.
        requires: optional packages the target needs, each import name with the pip line that installs it.

    Raises:
        ContractError: a name or a target of another form, or a summary that is not one line of plain text.
    """

    group: ClassVar[str] = ""

    name: str
    summary: str
    target: str
    requires: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ContractError(
                f"{self.name!r} is not a plugin name",
                fix="use lower-case letters, digits, '-' and '_', as in 'faster-rcnn'",
            )
        if not self.summary.isprintable():
            raise ContractError(
                f"the summary of {self.name} is not one plain line: {self.summary!r}",
                fix="write one line without line breaks, tabs and colors",
            )
        self._check_path("target", self.target)

    def _check_path(self, what: str, path: str) -> None:
        if not _TARGET.fullmatch(path):
            raise ContractError(
                f"{self.name}: {what} {path!r} is not 'module:attribute'",
                fix=f"write the {what} as 'my_package.my_module:MyHead'",
            )


@dataclass(frozen=True, kw_only=True)
class TaskSpec(Spec):
    """A head: what users call a task plugin. ``target`` is a subclass of `hub.Head`.

    ``kind`` is the task of the head ("detection", "segmentation", …), for people only. ``options`` is the ``Options``
    class of the head as ``"module:attribute"``, if that module does not import torch: `hub info` reads it alone.

    >>> TaskSpec(name="my-head", kind="detection", summary="mine", target="my_package.head:MyHead").kind
    'detection'

    Raises:
        ContractError: as `Spec`, or ``options`` is not of that form.
    """

    group: ClassVar[str] = "tasks"

    kind: str
    options: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.options is not None:
            self._check_path("options", self.options)


@dataclass(frozen=True, kw_only=True)
class BackboneSpec(Spec):
    """A backbone: ``target(pretrained=…, in_chans=…)`` returns a module from an image to a list of features.

    Where the module has them, the attributes ``preprocessing``, a `hub.Preprocessing`, and ``provenance``, a
    `hub.backbones.trunk.Provenance`, tell what its weights expect and where they come from, and ``probe_sizes`` the
    heights and widths to try it with.

    Its name has no ``-``, which starts the neck in ``backbone-neck``.

    Raises:
        ContractError: as `Spec`, or a name with ``-``.
    """

    group: ClassVar[str] = "backbones"

    def __post_init__(self) -> None:
        super().__post_init__()
        if "-" in self.name:
            raise ContractError(
                f"{self.name!r} cannot be the name of a backbone: '-' starts the neck",
                fix=f"call it {self.name.replace('-', '_')!r}",
            )


@dataclass(frozen=True, kw_only=True)
class NeckSpec(Spec):
    """A neck: ``target(channels, strides, levels=…, out_channels=…, …)`` maps features to features.

    ``levels`` are the ones that a trunk with this neck gives when nobody asks for others.
    """

    group: ClassVar[str] = "necks"

    levels: tuple[str, ...] = ("p2", "p3", "p4", "p5", "p6")


@dataclass(frozen=True, kw_only=True)
class DatasetSpec(Spec):
    """A data format: ``target(root=…, **options)`` returns a `hub.data.Dataset`.

    ``writer`` is a function that writes datasets in this format, a `hub.data.Writer`, as ``"module:attribute"``; None
    where the format is only read.

    ``detect`` names a function that recognizes folders of this format, see `hub.data.formats.detect.detect_format`.

    Raises:
        ContractError: as `Spec`, or a writer that is not of that form.
    """

    group: ClassVar[str] = "datasets"

    writer: str | None = None
    detect: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for what in ("writer", "detect"):
            if (path := getattr(self, what)) is not None:
                self._check_path(what, path)


@dataclass(frozen=True, kw_only=True)
class CommandSpec(Spec):
    """A subcommand, ``hub NAME …``: ``target`` is a class made without arguments.

    It has ``add_arguments(parser)``, which declares its arguments on an `argparse.ArgumentParser`, and
    ``run(args) -> int``, which returns the exit code. The hub's own commands keep their names.
    """

    group: ClassVar[str] = "commands"


@dataclass(frozen=True, kw_only=True)
class ReaderSpec(Spec):
    """A way from files to images where an image file is not enough: ``target`` is a subclass of `hub.engine.Reader`.

    A dataset names its reader, checkpoints keep it, and `hub predict` asks it.
    """

    group: ClassVar[str] = "readers"


@dataclass(frozen=True, kw_only=True)
class TransformSpec(Spec):
    """A transform of training samples: ``target`` is a subclass of `hub.data.transforms.Step`.

    Its name is what a config's list ``data.transforms`` says.
    """

    group: ClassVar[str] = "transforms"


@dataclass(frozen=True, kw_only=True)
class LossSpec(Spec):
    """A loss that the options of a head name: ``target(logits, classes)`` returns a scalar tensor.

    ``kinds`` are the kinds of heads that may name it. For ``"semantic"`` the logits are (B, C, H, W) and the classes
    (B, H, W) int64, for ``"voxels"`` (B, C, D, H, W) and (B, D, H, W); places of class 255 must not count.
    """

    group: ClassVar[str] = "losses"

    kinds: tuple[str, ...] = ("semantic",)


@dataclass(frozen=True, kw_only=True)
class OptimizerSpec(Spec):
    """An optimizer: ``target(groups, lr, **options)`` returns a `torch.optim.Optimizer`.

    ``groups`` are parameter groups with learning rates of their own. Keyword-only arguments with type hints are the
    options that a config may set: ``optimizer: {name: sgd, nesterov: true}``.
    """

    group: ClassVar[str] = "optimizers"


@dataclass(frozen=True, kw_only=True)
class ScheduleSpec(Spec):
    """A learning-rate schedule: ``target`` is a subclass of `hub.engine.optim.Schedule`, a frozen dataclass.

    Its fields are the options that a config may set: ``schedule: {name: poly, power: 0.9}``.
    """

    group: ClassVar[str] = "schedules"


@dataclass(frozen=True, kw_only=True)
class LoggerSpec(Spec):
    """A logger of training: ``target(**options)`` returns a `hub.engine.loggers.Logger`.

    Keyword-only arguments with type hints are the options that a config may set: ``loggers: [{name: wandb, …}]``.
    """

    group: ClassVar[str] = "loggers"


_ALL: tuple[type[Spec], ...] = (
    TaskSpec,
    BackboneSpec,
    NeckSpec,
    DatasetSpec,
    TransformSpec,
    ReaderSpec,
    CommandSpec,
    LossSpec,
    OptimizerSpec,
    ScheduleSpec,
    LoggerSpec,
)
SPECS: dict[str, type[Spec]] = {spec.group: spec for spec in _ALL}
"""Kind of plugin → class of its specs."""


def singular(group: str) -> str:
    """Return what one plugin of a group is called.

    >>> singular("losses"), singular("tasks")
    ('loss', 'task')
    """
    return group.removesuffix("es") if group.endswith("sses") else group.removesuffix("s")
