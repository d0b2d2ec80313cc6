"""Parameter groups with their learning rates."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from hub.backbones.depth import layer_depths
from hub.engine.objective import Objective
from hub.model import Model

ParameterGroup = dict[str, Any]
"""Parameters with the optimizer options of their group, such as ``lr`` and ``weight_decay``."""
REFERENCE_BATCH = 16
_NORMS = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm)


def scaled_lr(lr: float, batch_size: int) -> float:
    """Scale the learning rate for `REFERENCE_BATCH` images to a batch size.

    It is linear in the batch size (Goyal et al. 2017, https://arxiv.org/abs/1706.02677).

    >>> scaled_lr(0.02, 8)
    0.01
    """
    return lr * batch_size / REFERENCE_BATCH


def parameter_groups(
    model: Model | Objective,
    *,
    lr: float,
    weight_decay: float = 1e-4,
    backbone_lr: float = 1.0,
    layer_decay: float | None = None,
) -> list[ParameterGroup]:
    """Return groups of the parameters that train, each with its learning rate and weight decay.

    Normalization layers and learned weights of losses have no weight decay.

    Args:
        model: the model, or its `Objective`, which is needed if the weights of the losses are learned.
        lr: learning rate for the actual batch size.
        weight_decay: weight decay of all but normalization layers.
        backbone_lr: factor of ``lr`` for the backbone.
        layer_decay: factor of the learning rate from each layer of the backbone to the one before it (Clark et al.
            2020, ELECTRA, https://arxiv.org/abs/2003.10555).

    >>> import hub
    >>> model = hub.create("classification/resnet18", labels=["cat", "dog"])
    >>> optimizer = torch.optim.AdamW(parameter_groups(model, lr=1e-3))
    """
    objective = model if isinstance(model, Objective) else None
    model = model if isinstance(model, Model) else model.model
    norms = {id(p) for m in model.modules() if isinstance(m, _NORMS) for p in m.parameters(recurse=False)}
    backbone = {id(p) for p in model.trunk.body.parameters()}
    depths = layer_depths(model.trunk) if layer_decay is not None else {}
    layers = max(depths.values(), default=-1) + 1
    groups: dict[tuple[bool, int, bool], list[nn.Parameter]] = {}
    for parameter in model.parameters():
        if parameter.requires_grad:
            key = (id(parameter) in backbone, depths.get(parameter, layers), id(parameter) in norms)
            groups.setdefault(key, []).append(parameter)
    found: list[ParameterGroup] = []
    for (in_backbone, depth, in_norm), members in sorted(groups.items()):
        own = lr * (backbone_lr if in_backbone else 1.0) * (layer_decay or 1.0) ** (layers - depth)
        found.append({"params": members, "lr": own, "weight_decay": 0.0 if in_norm else weight_decay})
    if objective is not None and len(objective.log_variances):
        found.append({"params": [*objective.log_variances], "lr": lr, "weight_decay": 0.0})
    return found


def set_lr(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Set the learning rate of every group to ``factor`` times its initial value."""
    for group in optimizer.param_groups:
        group["lr"] = group.setdefault("initial_lr", group["lr"]) * factor
