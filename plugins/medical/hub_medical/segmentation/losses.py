"""Losses of voxels, at several scales."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from hub.contract import IGNORE, find_loss


def voxel_losses(weights: Mapping[str, float], scales: Mapping[float, Tensor], target: Tensor) -> dict[str, Tensor]:
    """Each loss times its weight, as ``loss_<name>``, averaged over logits at several scales.

    Dice and Tversky are computed over the batch, without classes that it does not contain.

    Args:
        weights: name of a loss → factor.
        scales: share → logits (B, C, D', H', W'); the shares add up to 1.
        target: (B, D, H, W) integer classes, 255 where there is none; smaller logits are compared with the nearest
            voxels.

    Returns:
        Float32 scalars; 0, with gradients of 0, where no voxel has a class.

    >>> logits = torch.tensor([9.0, -9.0]).view(1, 2, 1, 1, 1).expand(-1, -1, 2, 2, 2)
    >>> losses = voxel_losses({"cross_entropy": 1.0, "dice": 0.5}, {1.0: logits}, torch.zeros(1, 2, 2, 2))
    >>> {name: round(loss.item(), 3) for name, loss in losses.items()}
    {'loss_cross_entropy': 0.0, 'loss_dice': 0.0}
    """
    chosen = {name: find_loss(name) for name in weights}
    totals: dict[str, list[Tensor]] = {name: [] for name in weights}
    for share, logits in scales.items():
        goal = _nearest(target, logits.shape[2:])
        some = (goal != IGNORE).any()
        # A mean over no voxels is NaN, and so are its gradients: without any, all are learned, with no weight.
        goal = torch.where(some, goal, torch.zeros_like(goal))
        for name, loss in chosen.items():
            totals[name].append(loss(logits.float(), goal) * (weights[name] * share * some))
    return {f"loss_{name}": torch.stack(parts).sum() for name, parts in totals.items()}


def _nearest(target: Tensor, size: torch.Size) -> Tensor:
    if target.shape[1:] == size:
        return target.long()
    return F.interpolate(target[:, None].float(), size=size, mode="nearest-exact")[:, 0].long()
