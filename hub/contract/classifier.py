"""The classifier of pretrained weights, with the names of its classes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class PretrainedClassifier:
    """A linear layer and the names of its classes.

    Attributes:
        names: for each class its possible names, in lower case.
        weight: (classes, C).
        bias: (classes,).
    """

    names: tuple[frozenset[str], ...]
    weight: Tensor
    bias: Tensor

    def rows(self, labels: Iterable[str]) -> list[int]:
        """Return for each label the class of that name, ignoring case; −1 where there is none, or more than one.

        >>> import torch
        >>> names = (frozenset({"n02012849", "crane"}), frozenset({"n03126707", "crane"}), frozenset({"dog"}))
        >>> PretrainedClassifier(names, torch.zeros(3, 8), torch.zeros(3)).rows(["n03126707", "Dog", "crane", "cow"])
        [1, 2, -1, -1]
        """
        where: dict[str, int] = {}
        for index, names in enumerate(self.names):
            for name in names:
                where[name] = -1 if name in where else index
        return [where.get(label.lower(), -1) for label in labels]
