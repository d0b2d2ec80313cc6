"""The recipe of a model: all that is needed to build it again, apart from its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from hub.labels import LabelSpace


@dataclass(frozen=True)
class Recipe:
    """What `hub.create` was asked for; every checkpoint carries one.

    Args:
        name: ``task[+task…]/backbone[.tag][-neck]``.
        labels: head → its label space.
        heads: head → its options, all of them once the model is built.
        in_chans, norm, freeze, channels, backbone, neck: as in `hub.backbones.create_trunk`.
        reader: how files become the model's images; see `hub.data.Dataset.reader`.
    """

    name: str
    labels: Mapping[str, LabelSpace]
    heads: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    in_chans: int = 3
    norm: str = "batch"
    freeze: int = 0
    channels: int | None = None
    backbone: Mapping[str, Any] = field(default_factory=dict)
    neck: Mapping[str, Any] = field(default_factory=dict)
    reader: Mapping[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """As plain values, ready for JSON."""
        return {**asdict(self), "labels": {head: labels.to_dict() for head, labels in self.labels.items()}}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Recipe:
        """The inverse of `to_dict`."""
        labels = {head: LabelSpace.from_dict(labels) for head, labels in data["labels"].items()}
        return cls(**{**data, "labels": labels})
