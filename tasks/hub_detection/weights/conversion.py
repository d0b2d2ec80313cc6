"""What a converter of foreign weights returns: the pieces of a recipe, the tensors, and a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor

from hub import LabelSpace, Preprocessing
from hub.contract import Recipe
from hub.errors import CheckpointMismatchError
from hub_detection.weights.keys import Renamed, count_keys

# (blocks per stage, bottlenecks) → the depth in the name of a ResNet.
_DEPTHS: dict[tuple[tuple[int, ...], bool], int] = {
    ((2, 2, 2, 2), False): 18,
    ((3, 4, 6, 3), False): 34,
    ((3, 4, 6, 3), True): 50,
    ((3, 4, 23, 3), True): 101,
    ((3, 8, 36, 3), True): 152,
}


@dataclass(frozen=True)
class ModelPieces:
    """All that the recipe and the preprocessing of a model need, except for the names of the classes.

    Attributes:
        name: ``task/backbone-neck``.
        num_classes: without background.
        options: of the head.
        preprocessing: what the weights expect.
        norm, freeze, channels, backbone, neck: see `hub.create_model`.
    """

    name: str
    num_classes: int
    options: Mapping[str, object]
    preprocessing: Preprocessing
    norm: str = "batch"
    freeze: int = 0
    channels: int | None = None
    backbone: Mapping[str, object] = field(default_factory=dict)
    neck: Mapping[str, object] = field(default_factory=dict)

    @property
    def task(self) -> str:
        """The name of the head."""
        return self.name.partition("/")[0]

    def recipe(self, labels: LabelSpace) -> Recipe:
        """Return the recipe of a model with these labels, in the order of the classes.

        Raises:
            CheckpointMismatchError: there are more or fewer labels than classes.
        """
        if len(labels) != self.num_classes:
            raise CheckpointMismatchError(
                f"the weights have {self.num_classes} classes, but there are {len(labels)} labels",
                fix="give one label for each class of the weights, in their order",
            )
        return Recipe(
            name=self.name,
            labels={self.task: labels},
            heads={self.task: dict(self.options)},
            norm=self.norm,
            freeze=self.freeze,
            channels=self.channels,
            backbone=dict(self.backbone),
            neck=dict(self.neck),
        )


@dataclass(frozen=True)
class ConversionReport:
    """What became of each tensor of the source.

    Attributes:
        renamed: the source's key → the model's.
        reshaped: the model's keys whose values were reordered or extended → how.
        ignored: the source's keys that the model does not need.
        assumed: settings that the source's configuration does not contain, and their values.
    """

    renamed: Mapping[str, str]
    reshaped: Mapping[str, str] = field(default_factory=dict)
    ignored: Sequence[str] = ()
    assumed: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return a line per kind of change, for people."""
        lines = [f"{len(self.renamed)} tensors matched, {len(self.reshaped)} of them reshaped"]
        lines += [f"reshaped: {key} ({how})" for key, how in self.reshaped.items()]
        lines += [f"ignored: {key}" for key in self.ignored]
        lines += [f"assumed: {key} = {value}" for key, value in self.assumed.items()]
        return "\n".join(lines)


class Converted(NamedTuple):
    """A converted detector.

    Attributes:
        pieces: of its recipe.
        tensors: a state dict of the model, float32.
        report: what became of each tensor of the source.
    """

    pieces: ModelPieces
    tensors: dict[str, Tensor]
    report: ConversionReport


def finish(
    renamed: Renamed, pieces: ModelPieces, *, reshaped: Mapping[str, str], assumed: Mapping[str, object] | None = None
) -> Converted:
    """Return the weights under the keys of a model with one head, and the report with these keys."""

    def full(key: str) -> str:
        return key if key.startswith("trunk.") else f"heads.{pieces.task}.{key}"

    report = ConversionReport(
        renamed={theirs: full(ours) for theirs, ours in renamed.keys.items()},
        reshaped={full(key): how for key, how in reshaped.items()},
        ignored=renamed.ignored,
        assumed=assumed or {},
    )
    return Converted(pieces, {full(key): value for key, value in renamed.tensors.items()}, report)


def resnet_name(keys: Mapping[str, Tensor], stage: str) -> str:
    """Return the name of the ResNet with these keys.

    Args:
        keys: of a state dict; blocks are ``{stage}{1…4}.{block}.conv{1…3}.weight``.
        stage: such as ``"trunk.body.net.layer"``.

    Raises:
        CheckpointMismatchError: not a ResNet of 18, 34, 50, 101 or 152 layers.
    """
    blocks = tuple(count_keys(keys, f"{stage}{i}.{{}}.conv1.weight") for i in range(1, 5))
    bottleneck = f"{stage}1.0.conv3.weight" in keys
    depth = _DEPTHS.get((blocks, bottleneck))
    if depth is None:
        kind = "bottlenecks" if bottleneck else "basic blocks"
        raise CheckpointMismatchError(
            f"the backbone has {blocks} {kind} per stage, which is not a known ResNet",
            fix="convert a detector with a ResNet of 18, 34, 50, 101 or 152 layers",
        )
    width, first = keys[f"{stage}1.0.conv1.weight"].shape[0], keys[f"{stage}1.0.conv2.weight"].shape
    if not bottleneck or first[1] == width == 64:
        return f"resnet{depth}"
    if first[1] == width:
        return f"wide_resnet{depth}_{width // 64}"
    groups = width // first[1]
    return f"resnext{depth}_{groups}x{first[1]}d"
