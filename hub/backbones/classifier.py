"""The classifier that pretrained weights bring along, with the names of its classes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class PretrainedClassifier:
    """A linear layer and what its classes are called.

    Attributes:
        names: for each class what it may be called, in lower case.
        weight: (classes, C).
        bias: (classes,).
    """

    names: tuple[frozenset[str], ...]
    weight: Tensor
    bias: Tensor

    def rows(self, labels: Iterable[str]) -> list[int]:
        """For each label the class of that name, in whatever case; −1 where there is none, or more than one.

        >>> names = (frozenset({"n02012849", "crane"}), frozenset({"n03126707", "crane"}), frozenset({"dog"}))
        >>> PretrainedClassifier(names, torch.zeros(3, 8), torch.zeros(3)).rows(["n03126707", "Dog", "crane", "cow"])
        [1, 2, -1, -1]
        """
        where: dict[str, int] = {}
        for index, names in enumerate(self.names):
            for name in names:
                where[name] = -1 if name in where else index
        return [where.get(label.lower(), -1) for label in labels]


def take_classifier(net: nn.Module, layer: str | None) -> PretrainedClassifier | None:
    """Copy the classifier of a timm model, if it is one linear layer and its classes are ImageNet's.

    Classes go by WordNet's number (``n02123045``), by their description and by each word of it (``tabby``).

    Args:
        net: with pretrained weights.
        layer: the name of its classifier.
    """
    from timm.data import ImageNetInfo, infer_imagenet_subset

    linear = net.get_submodule(layer) if layer else None
    subset = infer_imagenet_subset(net)
    if not isinstance(linear, nn.Linear | nn.Conv2d) or subset is None:
        return None
    weight = linear.weight.detach().flatten(1).clone()
    bias = linear.bias.detach().clone() if linear.bias is not None else torch.zeros(len(weight))
    info = ImageNetInfo(subset)
    wordnet = info.label_names()
    if len(weight) != len(wordnet):
        return None
    names = []
    for number, description in zip(wordnet, info.label_descriptions(), strict=True):
        words = [word.strip() for word in description.split(",")]
        names.append(frozenset(name.lower() for name in (number, description, *words)))
    return PretrainedClassifier(tuple(names), weight, bias)
