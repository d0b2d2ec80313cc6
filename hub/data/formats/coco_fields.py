"""Further keys of COCO's annotations as fields of the objects: angle, track id, attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from hub.contract.fields import FieldSpec, ObjectField
from hub.contract.options import Options
from hub.errors import AnnotationError, ContractError, OptionError


class CocoField(Options):
    """How to read one key of the annotations; see `hub.FieldSpec` for the kinds.

    Attributes:
        kind: what the values are and how geometric transforms change them.
        key: key of the annotation, by default the name of the field; ``attributes.occluded`` is a nested key.
        shape: shape of the value of one object.
        unit: unit of an angle.
        period: period of an angle in degrees; 180 for an axis without a front.
        names: the values of a category, in the order of their indices.
    """

    kind: Literal["fixed", "id", "category", "text", "angle", "point", "vector", "size", "length"] = "fixed"
    key: str | None = None
    shape: tuple[Annotated[int, Field(gt=0)], ...] = ()
    unit: Literal["degrees", "radians"] = "degrees"
    period: Annotated[float, Field(gt=0)] = 360.0
    names: tuple[str, ...] = ()

    def spec(self, name: str) -> FieldSpec:
        """Return the declaration of the field.

        Raises:
            OptionError: the options contradict each other.
        """
        try:
            return FieldSpec(self.kind, shape=self.shape, unit=self.unit, period=self.period, names=self.names)
        except ContractError as error:
            raise OptionError(f"fields.{name}: {str(error).partition(chr(10))[0]}", fix=error.fix) from None


def read_field(path: Path, name: str, option: CocoField, annotations: Sequence[Mapping[str, object]]) -> ObjectField:
    """Read one field of all annotations; if the key is missing or null, the value is the padding of the field.

    Args:
        path: path of the file, for messages.
        name: name of the field.
        option: how to read it.
        annotations: the annotations, with all their keys.

    Raises:
        AnnotationError: no annotation has the key, or a value is not of the declared kind.
        OptionError: the options contradict each other.
    """
    spec = option.spec(name)
    keys = (option.key or name).split(".")
    found = [_look_up(annotation, keys) for annotation in annotations]
    if annotations and all(value is None for value in found):
        raise AnnotationError(
            f"{path}: no annotation has the key {'.'.join(keys)!r}, which fields.{name} reads",
            fix=f"its annotations have the keys {', '.join(sorted({key for a in annotations for key in a}))}",
        )
    places = {value: index for index, value in enumerate(spec.names)}
    values = np.full((len(found), *spec.shape), spec.padding, object if spec.kind == "text" else spec.dtype)
    for i, value in enumerate(found):
        if value is not None:
            try:
                values[i] = _converted(value, spec, places)
            except (TypeError, ValueError, KeyError, OverflowError):
                expected = f"one of {', '.join(spec.names)}" if spec.names else f"{spec.kind}{list(spec.shape) or ''}"
                raise AnnotationError(
                    f"{path}: annotation {annotations[i].get('id')} has {'.'.join(keys)} = {value!r}, "
                    f"which is not {expected}",
                    fix=f"correct the annotation, or the option fields.{name}",
                ) from None
    return ObjectField.of(name, values.astype(np.str_) if spec.kind == "text" else values, spec, len(found))


def _look_up(annotation: Mapping[str, object], keys: Sequence[str]) -> object:
    value: object = annotation
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _converted(value: object, spec: FieldSpec, places: Mapping[str, int]) -> object:
    """Return a value as it is stored; invalid values raise TypeError, ValueError, KeyError or OverflowError."""
    if spec.kind == "text":
        return str(value)
    if spec.kind == "category":
        return places[str(value).lower() if isinstance(value, bool) else str(value)]
    numbers = np.asarray(value)
    if numbers.shape != spec.shape or numbers.dtype.kind not in "buif":
        raise ValueError
    if spec.kind == "id" and numbers.dtype.kind == "f" and numbers != np.rint(numbers):
        raise ValueError
    return numbers
