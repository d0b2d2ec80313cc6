"""The recipe of a model: everything that is needed to build it again, apart from its weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, cast

from hub.labels import LabelData, LabelSpace


@dataclass(frozen=True)
class Recipe:
    """What a model was created from; every checkpoint has one.

    Args:
        name: ``task[+task…]/backbone[.tag][-neck]``.
        labels: head → its label space.
        heads: head → its options, all of them once the model is built.
        in_chans, norm, freeze, channels, backbone, neck: as in `hub.create_trunk`.
        reader: how files become the model's images; see `hub.data.Dataset.reader`.
        local_plugins: the plugins of the model that are not installed but were registered with `hub.register`.
    """

    name: str
    labels: Mapping[str, LabelSpace]
    heads: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    in_chans: int = 3
    norm: str = "batch"
    freeze: int = 0
    channels: int | None = None
    backbone: Mapping[str, object] = field(default_factory=dict)
    neck: Mapping[str, object] = field(default_factory=dict)
    reader: Mapping[str, object] | None = None
    local_plugins: Sequence[Mapping[str, object]] = ()

    def to_dict(self) -> dict[str, object]:
        """Return the recipe as plain values, ready for JSON."""
        return {**asdict(self), "labels": {head: labels.to_dict() for head, labels in self.labels.items()}}

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Recipe:
        """Return the recipe of which these are the plain values; the inverse of `to_dict`."""
        labels = cast(Mapping[str, LabelData], data["labels"])
        local_plugins = tuple(cast(Sequence[Mapping[str, object]], data["local_plugins"]))
        spaces = {head: LabelSpace.from_dict(one) for head, one in labels.items()}
        return cls(**cast(dict[str, Any], {**data, "labels": spaces, "local_plugins": local_plugins}))
