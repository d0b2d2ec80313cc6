"""The losses of semantic segmentation by name: segmentation_models.pytorch's, and cross-entropy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from hub.contract import IGNORE

Loss = Callable[[Tensor, Tensor], Tensor]


def _smp(name: str) -> Loss:
    from segmentation_models_pytorch import losses

    loss: Callable[[Tensor, Tensor], Tensor] = getattr(losses, name)("multiclass", ignore_index=IGNORE)
    return loss


LOSSES: dict[str, Callable[[], Loss]] = {
    "cross_entropy": lambda: partial(F.cross_entropy, ignore_index=IGNORE),
    "dice": partial(_smp, "DiceLoss"),
    "focal": partial(_smp, "FocalLoss"),
    "jaccard": partial(_smp, "JaccardLoss"),
    "lovasz": partial(_smp, "LovaszLoss"),
    "tversky": partial(_smp, "TverskyLoss"),
}


def semantic_losses(weights: Mapping[str, float], logits: Tensor, target: Tensor) -> dict[str, Tensor]:
    """Each loss times its weight, as ``loss_<name>``.

    Args:
        weights: name of `LOSSES` → factor.
        logits: (B, C, H, W) of any floating dtype.
        target: (B, H, W) integer classes, 255 where there is none.

    Returns:
        Float32 scalars; 0, with gradients of 0, where no pixel has a class.

    >>> logits = torch.tensor([[[[9.0]], [[-9.0]]]])
    >>> losses = semantic_losses({"cross_entropy": 1.0, "dice": 0.5}, logits, torch.tensor([[[0]]]))
    >>> {name: round(loss.item(), 3) for name, loss in losses.items()}
    {'loss_cross_entropy': 0.0, 'loss_dice': 0.0}
    """
    logits, target = logits.float(), target.long()
    some = (target != IGNORE).any()
    # A mean over no pixels is NaN, and so are its gradients: without any, all are learned, with no weight.
    target = torch.where(some, target, torch.zeros_like(target))
    return {f"loss_{name}": LOSSES[name]()(logits, target) * (weight * some) for name, weight in weights.items()}
