"""How deep in the backbone each parameter lies: what layer-wise learning rates go by."""

from __future__ import annotations

from typing import Any

import torch
from timm.models import group_parameters
from torch import nn

from hub.backbones.trunk import Trunk


def layer_depths(trunk: Trunk) -> dict[nn.Parameter, int]:
    """The layer of each parameter of the backbone, from 0 for the stem.

    Layers are the blocks that timm's model names, where it does so (all whole models, and vision transformers);
    elsewhere the stages, found by following the gradient of each level back.

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
    """For each parameter the place of the first level that depends on it; the last place where none does."""
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
