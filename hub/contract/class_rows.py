"""Which rows of a parameter belong to which class."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ClassRows:
    """The rows of a parameter by class: class k owns ``width`` rows from row ``(offset + k) * width``.

    A box predictor with the background as class 0 and four numbers per class is ``ClassRows(offset=1, width=4)``.
    """

    offset: int = 0
    width: int = 1
