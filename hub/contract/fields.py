"""Named values of each object beyond box, label, mask and keypoints: angle, track id, attribute, text, 3D size.

A dataset declares each with a `FieldSpec`, which defines how geometric transforms change the values; nothing else in
the hub depends on their meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from hub.errors import ContractError

FieldKind = Literal["fixed", "id", "category", "text", "angle", "point", "vector", "size", "length", "custom"]
Move = Callable[[np.ndarray, np.ndarray], np.ndarray]

_PAIRS = ("point", "vector", "size")
_INTEGERS = ("id", "category")


@dataclass(frozen=True)
class FieldSpec:
    """The type of a field of objects, and the rule by which geometric transforms change it.

    ==========  =====================================================================================
    kind        rule
    ==========  =====================================================================================
    fixed       numbers that stay as they are: a 3D size in meters, a weight, an age
    id          an integer that stays as it is: a track id; −1 is unknown
    category    an index into ``names`` that stays as it is: an attribute; −1 is unknown
    text        a string that stays as it is
    angle       a direction, clockwise from the x axis as the image is seen; rotated and flipped
    point       (…, 2) x and y in pixels of the image, moved like a keypoint
    vector      (…, 2) a displacement in pixels, rotated and scaled but not shifted
    size        (…, 2) width and height of the object in pixels, scaled along the object's own axes
    length      a number of pixels, scaled by the square root of the area's factor
    custom      ``move(values, matrix)``, where every point (x, y) moves to ``matrix`` @ (x, y, 1)
    ==========  =====================================================================================

    Attributes:
        kind: one of the table above.
        shape: shape of one object's value; those of a point, a vector and a size end with 2.
        unit: unit of an angle.
        period: period of an angle in degrees: 180 for an axis without a front. A rotated angle is from 0 to the period.
        names: names of the values of a category.
        fill: the value of padding in a batch and of an object without a value, by default NaN for numbers and −1 for
            integers; text is padded with the empty string.
        move: of kind ``custom``: takes values (N, *shape) and a (2, 3) float64 matrix, returns values of the same
            shape. A function at the top level of a module, so that it can be sent to worker processes.

    Raises:
        ContractError: the attributes contradict each other.

    >>> quarter = np.array([[0.0, -1, 8], [1, 0, 0]])  # a quarter turn clockwise
    >>> FieldSpec("angle").moved(np.array([10.0, 350.0]), quarter).round(4).tolist()
    [100.0, 80.0]
    """

    kind: FieldKind = "fixed"
    shape: tuple[int, ...] = ()
    unit: Literal["degrees", "radians"] = "degrees"
    period: float = 360.0
    names: tuple[str, ...] = ()
    fill: float | None = None
    move: Move | None = None

    def __post_init__(self) -> None:
        if self.kind in _PAIRS and self.shape[-1:] != (2,):
            object.__setattr__(self, "shape", (*self.shape, 2))
        if (self.kind == "custom") != (self.move is not None):
            raise ContractError(
                f"a field of kind {self.kind!r} {'needs' if self.kind == 'custom' else 'takes no'} function move",
                fix="give a function move(values, matrix) with kind='custom', and with no other kind",
            )
        if (self.kind == "category") != bool(self.names):
            raise ContractError(
                f"a field of kind {self.kind!r} {'needs' if self.kind == 'category' else 'takes no'} names",
                fix="list the names of the values with kind='category', and with no other kind",
            )

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """The dtype of the values: float32, int64 for ids and categories, str for text."""
        return np.dtype(np.str_ if self.kind == "text" else np.int64 if self.kind in _INTEGERS else np.float32)

    @property
    def padding(self) -> float | str:
        """The value of padding, and of an object without a value."""
        if self.kind == "text":
            return ""
        if self.fill is not None:
            return self.fill
        return -1 if self.kind in _INTEGERS else float("nan")

    def moved(self, values: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        """Return the values after a geometric transform.

        Args:
            values: (N, *shape).
            matrix: (2, 3) float64; every point (x, y) of the image moves to ``matrix`` @ (x, y, 1).
        """
        linear = matrix[:, :2]
        moved = values
        if self.kind == "angle":
            moved = self._turned(values, linear)
        elif self.kind == "point":
            moved = values @ linear.T + matrix[:, 2]
        elif self.kind == "vector":
            moved = values @ linear.T
        elif self.kind == "size":
            moved = values * np.linalg.norm(linear, axis=0)
        elif self.kind == "length":
            moved = values * np.sqrt(abs(np.linalg.det(linear)))
        elif self.move is not None:
            moved = self.move(values, matrix)
        return moved.astype(values.dtype, copy=False)

    def _turned(self, values: np.ndarray, linear: np.ndarray) -> np.ndarray:
        if linear[0, 1] == linear[1, 0] == 0 and linear[0, 0] == linear[1, 1] > 0:
            return values  # exactly: a crop or a resize by one factor rotates nothing
        full = 360.0 if self.unit == "degrees" else 2 * np.pi
        radians = values.astype(np.float64) * (2 * np.pi / full)
        x, y = linear @ np.stack([np.cos(radians).ravel(), np.sin(radians).ravel()])
        turned = np.arctan2(y, x).reshape(values.shape) * (full / (2 * np.pi))
        within: np.ndarray = np.mod(turned, self.period * full / 360.0)
        return within

    def check(self, name: str, values: np.ndarray, count: int) -> None:
        """Check that values match the declaration.

        Raises:
            ContractError: the shape or type is not the declared one, or an index is outside ``names``.
        """
        if values.shape != (count, *self.shape):
            raise ContractError(
                f"the field {name!r} has the shape {values.shape}, but {count} objects with values of the shape "
                f"{self.shape} need {(count, *self.shape)}",
                fix="give one value per object, of the shape that its FieldSpec declares",
            )
        if values.dtype.kind != self.dtype.kind:
            raise ContractError(
                f"the field {name!r} of kind {self.kind!r} holds {values.dtype}, not {self.dtype}",
                fix="convert the values, or declare another kind",
            )
        if self.names and values.size and not -1 <= values.min() <= values.max() < len(self.names):
            raise ContractError(
                f"the field {name!r} holds values from {values.min()} to {values.max()}, but it has "
                f"{len(self.names)} names",
                fix="give indices into names, or −1 where the value is unknown",
            )


@dataclass(frozen=True)
class ObjectField:
    """The values of one field with their declaration.

    Attributes:
        values: (N, *spec.shape), one value per object.
        spec: their declaration.
    """

    values: np.ndarray
    spec: FieldSpec

    @classmethod
    def of(cls, name: str, values: object, spec: FieldSpec, count: int) -> ObjectField:
        """Convert values to the declared type and check them.

        Args:
            name: name of the field, for messages.
            values: an array or nested lists of ``count`` values.
            spec: their declaration.
            count: number of objects.

        Raises:
            ContractError: see `FieldSpec.check`.

        >>> ObjectField.of("track_id", [7, 9], FieldSpec("id"), 2).values.tolist()
        [7, 9]
        """
        array = np.asarray(values)
        if not array.size:
            array = np.zeros((count, *spec.shape), spec.dtype)
        elif np.can_cast(array.dtype, spec.dtype, casting="same_kind") and spec.kind != "text":
            array = array.astype(spec.dtype)
        spec.check(name, array, count)
        return cls(array, spec)

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, which: np.ndarray | slice) -> ObjectField:
        """Return the values of some objects."""
        return ObjectField(self.values[which], self.spec)

    def moved(self, matrix: np.ndarray) -> ObjectField:
        """Return the field after a geometric transform; see `FieldSpec.moved`."""
        return ObjectField(self.spec.moved(self.values, matrix), self.spec)

    @classmethod
    def join(cls, groups: Sequence[ObjectField]) -> ObjectField:
        """Return the values of several groups of objects, in order; at least one group."""
        return cls(np.concatenate([group.values for group in groups]), groups[0].spec)


def join_fields(groups: Sequence[Mapping[str, ObjectField]]) -> dict[str, ObjectField]:
    """Return the fields that all groups of objects have, with the values of all of them."""
    shared = [name for name in groups[0] if all(name in group for group in groups)]
    return {name: ObjectField.join([group[name] for group in groups]) for name in shared}
