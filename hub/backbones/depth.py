"""The depth of each parameter in the backbone, for layer-wise learning rate decay."""

from __future__ import annotations

from typing import Any

import torch
from timm.models import group_parameters
from torch import nn

from hub.backbones.trunk import Trunk


def layer_depths(trunk: Trunk) -> dict[nn.Parameter, int]:
    """Return the layer index of each backbone parameter, from 0 for the stem.

    Layers are the blocks of timm's parameter groups where the model defines them (complete models and vision
    transformers). Otherwise they are the stages, found by tracing the gradient of each level.

    >>> from hub.backbones.create import create_trunk
    >>> sorted(set(layer_depths(create_trunk("resnet18")).values()))  # the stem and four stages
    [0, 1, 2, 3, 4]
    >>> len(set(layer_depths(create_trunk("resnet18", levels=("pooled",))).values()))  # the stem and eight blocks
    9
    """
    net: Any = trunk.body.net
    for model in (net, getattr(net, "model", net)):
        if hasattr(model, "group_matcher"):
            layers = group_parameters(model, model.group_matcher(coarse=False), reverse=True)
            return {parameter: int(layers[name]) for name, parameter in model.named_parameters()}
    return _stages(trunk)


def _stages(trunk: Trunk) -> dict[nn.Parameter, int]:
    """Return for each parameter the index of the first level that depends on it; the last index if none does."""
    was_training = trunk.training
    trunk.eval()
    parameters = [p for p in trunk.body.parameters() if p.requires_grad]
    device = next(trunk.parameters()).device
    image = torch.zeros(1, trunk.preprocessing.in_chans, *trunk.probe_size, device=device)
    maps = trunk.body(image)[: len(trunk.body_levels)]
    depths = dict.fromkeys(trunk.body.parameters(), len(maps) - 1)
    for depth in reversed(range(len(maps))):
        if not maps[depth].requires_grad:
            continue
        grads = torch.autograd.grad(maps[depth].sum(), parameters, allow_unused=True, retain_graph=True)
        depths |= {p: depth for p, grad in zip(parameters, grads, strict=True) if grad is not None}
    trunk.train(was_training)
    return depths
