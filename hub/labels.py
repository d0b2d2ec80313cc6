"""Label spaces: the name, the dataset's id and the model's contiguous index of every class."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypedDict

from hub.errors import LabelMismatchError, did_you_mean


class LabelData(TypedDict):
    """A `LabelSpace` as plain values."""

    names: list[str]
    ids: list[int]


@dataclass(frozen=True)
class LabelSpace:
    """The classes of a dataset, a model or a checkpoint, without the background.

    Args:
        names: class names; the position of a name is its index, from 0.
        ids: the dataset's own ids in the same order, by default 1, 2, ….

    >>> labels = LabelSpace(("cat", "dog"), ids=(17, 18))
    >>> labels.index("dog"), labels.ids[1], len(labels)
    (1, 18, 2)

    Raises:
        LabelMismatchError: a name or an id occurs twice, or the numbers of names and ids differ.
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
            raise LabelMismatchError(
                f"{len(self.names)} label names but {len(self.ids)} ids", fix="give one id per name"
            )

    @classmethod
    def of(cls, labels: LabelSpace | Iterable[str]) -> LabelSpace:
        """Return a label space of these names; a `LabelSpace` is returned as it is.

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
        """Return the index of a name.

        Raises:
            LabelMismatchError: no label has this name.
        """
        try:
            return self.names.index(name)
        except ValueError:
            raise LabelMismatchError(
                f"no label {name!r}.{did_you_mean(name, self.names)}", fix=f"the labels are {', '.join(self.names)}"
            ) from None

    def map_to(self, other: LabelSpace) -> list[int]:
        """Return for each label its index in ``other``, or −1 if ``other`` does not have it.

        >>> LabelSpace.of(["dog", "cow"]).map_to(LabelSpace.of(["cat", "dog"]))
        [1, -1]
        """
        index = {name: i for i, name in enumerate(other.names)}
        return [index.get(name, -1) for name in self.names]

    def to_dict(self) -> LabelData:
        """Return plain lists, for the header of a checkpoint."""
        return {"names": list(self.names), "ids": list(self.ids)}

    @classmethod
    def from_dict(cls, data: LabelData) -> LabelSpace:
        """Return the label space that `to_dict` described."""
        return cls(tuple(data["names"]), tuple(data["ids"]))
