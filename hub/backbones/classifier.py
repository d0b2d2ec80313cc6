"""The classifier of a pretrained timm model, with its ImageNet class names."""

from __future__ import annotations

import torch
from torch import nn

from hub.contract.classifier import PretrainedClassifier


def take_classifier(net: nn.Module, layer: str | None) -> PretrainedClassifier | None:
    """Copy the classifier of a timm model, if it is a single linear layer over ImageNet classes.

    Each class has several names: its WordNet id (``n02123045``), its description and each part of it (``tabby``).

    Args:
        net: with pretrained weights.
        layer: name of the classifier layer.

    Returns:
        The classifier, or None if it is something else.
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
