"""The dtype of an image's pixels and the range of their values: what a pixel value means."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args

from hub.errors import OptionError, PixelFormatError

PixelDtype = Literal["uint8", "int16", "float32"]
ValueRange = tuple[float, float]

_DEFAULT_RANGES: dict[str, ValueRange] = {
    "uint8": (0.0, 255.0),
    "int16": (-32768.0, 32767.0),
    "float32": (0.0, 1.0),
}


@dataclass(frozen=True)
class PixelFormat:
    """How the pixels of a dataset, or those that a model takes, are stored.

    The mean and std of a `hub.Preprocessing`, and the amounts of photometric transforms, are in units of the range:
    ``unit = (pixel − low) / (high − low)``.

    Args:
        dtype: ``"uint8"``, ``"int16"`` or ``"float32"``. Files of unsigned 16-bit pixels are float32 in memory, which
            holds each of their values exactly.
        value_range: (low, high), the pixel values that mean 0 and 1. It is a nominal range: values outside it are
            allowed, but photometric transforms clip to it.

    Raises:
        OptionError: another dtype, or a range that is empty or not finite.

    >>> PixelFormat.of("float32", (0, 65535)).span
    65535.0
    """

    dtype: PixelDtype = "uint8"
    value_range: ValueRange = (0.0, 255.0)

    def __post_init__(self) -> None:
        if self.dtype not in get_args(PixelDtype):
            raise OptionError(
                f"pixels cannot be of dtype {self.dtype!r}", fix=f"use one of {', '.join(get_args(PixelDtype))}"
            )
        low, high = self.value_range
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise OptionError(
                f"value_range {low:g} to {high:g} is not a range of pixel values",
                fix="give two finite numbers, the lower one first, as in [0, 65535]",
            )

    @classmethod
    def of(cls, dtype: PixelDtype, value_range: ValueRange | None = None) -> PixelFormat:
        """Return the format of a dtype, by default with its usual range.

        The usual range is 0 to 255 for uint8, −32768 to 32767 for int16, and 0 to 1 for float32.
        """
        low, high = value_range if value_range is not None else _DEFAULT_RANGES.get(dtype, (0.0, 1.0))
        return cls(dtype, (float(low), float(high)))

    @property
    def span(self) -> float:
        """The width of the range: high − low."""
        return self.value_range[1] - self.value_range[0]

    def check(self, other: PixelFormat, *, what: str) -> None:
        """Refuse pixels of another format.

        Args:
            other: the format of the pixels.
            what: whose pixels they are, for the message.

        Raises:
            PixelFormatError: the dtype or the range differs.
        """
        if other != self:
            raise PixelFormatError(
                f"{what} has {other} pixels, but the model takes {self}",
                fix="give both the same value_range in the dataset section, convert the images, or train a model "
                "on such images",
            )

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> PixelFormat:
        """Return the format that `dataclasses.asdict` wrote."""
        return cls.of(cast(PixelDtype, data["dtype"]), cast(ValueRange, data["value_range"]))

    def __str__(self) -> str:
        low, high = self.value_range
        return f"{self.dtype} ({low:g} to {high:g})"
