"""Labels are names first: one object ties a dataset's id, a class's name and the contiguous index of the model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from hub.errors import LabelMismatchError, did_you_mean


@dataclass(frozen=True)
class LabelSpace:
    """Classes of a dataset, a model or a checkpoint. Background is never one of them.

    Args:
        names: class names; a name's position is its index, from 0.
        ids: the dataset's own ids in the same order, by default 1, 2, ….

    >>> labels = LabelSpace(("cat", "dog"), ids=(17, 18))
    >>> labels.index("dog"), labels.ids[1], len(labels)
    (1, 18, 2)

    Raises:
        LabelMismatchError: a name or an id occurs twice, or there are not as many ids as names.
    """

    names: tuple[str, ...]
    ids: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))
        object.__setattr__(self, "ids", tuple(int(i) for i in self.ids) or tuple(range(1, len(self.names) + 1)))
        for what, values in (("name", self.names), ("id", self.ids)):
            twice = sorted({str(v) for v in values if values.count(v) > 1})
            if twice:
                raise LabelMismatchError(f"label {what} {', '.join(twice)} occurs twice", fix="make them unique")
        if len(self.ids) != len(self.names):
            raise LabelMismatchError(f"{len(self.names)} label names but {len(self.ids)} ids", fix="give one id a name")

    @classmethod
    def of(cls, labels: LabelSpace | Iterable[str]) -> LabelSpace:
        """A label space from names, or the one given.

        >>> LabelSpace.of(["cat", "dog"]).ids
        (1, 2)
        """
        if isinstance(labels, LabelSpace):
            return labels
        if isinstance(labels, str):
            raise LabelMismatchError(f"labels must be a list of names, not the string {labels!r}", fix=f"[{labels!r}]")
        return cls(tuple(labels))

    def __len__(self) -> int:
        return len(self.names)

    def index(self, name: str) -> int:
        """The index of a name.

        Raises:
            LabelMismatchError: there is no such label.
        """
        try:
            return self.names.index(name)
        except ValueError:
            raise LabelMismatchError(
                f"no label {name!r}.{did_you_mean(name, self.names)}", fix=f"known: {', '.join(self.names)}"
            ) from None

    def map_to(self, other: LabelSpace) -> list[int]:
        """For each label here its index in ``other``, or −1 where ``other`` lacks it.

        >>> LabelSpace.of(["dog", "cow"]).map_to(LabelSpace.of(["cat", "dog"]))
        [1, -1]
        """
        where = {name: i for i, name in enumerate(other.names)}
        return [where.get(name, -1) for name in self.names]

    def to_dict(self) -> dict[str, Sequence[Any]]:
        """As plain lists, for a checkpoint's header."""
        return {"names": list(self.names), "ids": list(self.ids)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> LabelSpace:
        """The inverse of `to_dict`."""
        return cls(tuple(data["names"]), tuple(data["ids"]))
