"""The optimiser and its learning rate: a pure function of the step, so that resuming needs no state."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import nn

from hub.backbones.depth import layer_depths
from hub.engine.config import TrainConfig
from hub.engine.objective import Objective

REFERENCE_BATCH = 16
_NORMS = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm)


@dataclass(frozen=True)
class Schedule:
    """The learning rate's factor at each step: a linear warm-up, then steps down, half a cosine, or nothing.

    Args:
        total: steps of the whole run.
        kind: ``"multistep"``, ``"cosine"`` or ``"constant"``.
        milestones: steps at which the factor falls by ``gamma``.
        gamma: that factor.
        warmup: steps of the warm-up.
        warmup_start: the factor at step 0.

    >>> schedule = Schedule(total=100, kind="multistep", milestones=(60, 80), warmup=10, warmup_start=0.0)
    >>> [round(schedule(step), 3) for step in (0, 5, 10, 59, 60, 80)]
    [0.0, 0.5, 1.0, 1.0, 0.1, 0.01]
    """

    total: int
    kind: str = "multistep"
    milestones: tuple[int, ...] = ()
    gamma: float = 0.1
    warmup: int = 0
    warmup_start: float = 0.001

    def __call__(self, step: int) -> float:
        """The factor at ``step``, counted from 0."""
        if self.kind == "cosine":
            progress = max(0, step - self.warmup) / max(1, self.total - self.warmup)
            factor = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
        elif self.kind == "multistep":
            factor = self.gamma ** sum(step >= milestone for milestone in self.milestones)
        else:
            factor = 1.0
        if step < self.warmup:
            factor *= self.warmup_start + (1 - self.warmup_start) * step / self.warmup
        return factor


def scaled_lr(config: TrainConfig) -> float:
    """The learning rate for the run's batch: linear in it (Goyal et al. 2017, https://arxiv.org/abs/1706.02677)."""
    return config.lr * config.batch / REFERENCE_BATCH


def make_optimizer(objective: Objective, config: TrainConfig) -> torch.optim.Optimizer:
    """SGD with momentum or AdamW over the parameters that train; no weight decay on normalisation layers.

    Nor is there any on the weights of losses, where these are learned.

    With ``layer_decay`` each layer of the backbone learns by that factor slower than the one after it, and the last
    by that factor slower than what follows (Clark et al. 2020, ELECTRA, https://arxiv.org/abs/2003.10555).

    Args:
        objective: with the model, whose frozen parameters are left out.
        config: lr is stated for 16 images and scaled here.
    """
    model = objective.model
    norms = {id(p) for m in model.modules() if isinstance(m, _NORMS) for p in m.parameters(recurse=False)}
    backbone = {id(p) for p in model.trunk.body.parameters()}
    lr = scaled_lr(config)
    depths: dict[nn.Parameter, int] = {}
    if config.layer_decay is not None:
        depths = layer_depths(model.trunk)
    layers = max(depths.values(), default=-1) + 1
    groups: dict[tuple[bool, int, bool], list[nn.Parameter]] = {}
    for parameter in model.parameters():
        if parameter.requires_grad:
            key = (id(parameter) in backbone, depths.get(parameter, layers), id(parameter) in norms)
            groups.setdefault(key, []).append(parameter)
    params = []
    for (in_backbone, depth, in_norm), members in sorted(groups.items()):
        base = lr * (config.backbone_lr if in_backbone else 1.0) * (config.layer_decay or 1.0) ** (layers - depth)
        decay = 0.0 if in_norm else config.weight_decay
        params.append({"params": members, "lr": base, "base_lr": base, "weight_decay": decay})
    if len(objective.log_variances):
        params.append({"params": [*objective.log_variances], "lr": lr, "base_lr": lr, "weight_decay": 0.0})
    if config.optimizer == "adamw":
        return torch.optim.AdamW(params, lr=lr)
    return torch.optim.SGD(params, lr=lr, momentum=config.momentum)


def set_lr(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Set every group's rate to its base times ``factor``."""
    for group in optimizer.param_groups:
        group["lr"] = group["base_lr"] * factor
