"""The losses of semantic segmentation by name: segmentation_models.pytorch's, and cross-entropy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from hub.contract import IGNORE

Loss = Callable[[Tensor, Tensor], Tensor]


def _smp_loss(name: str) -> Loss:
    from segmentation_models_pytorch import losses

    loss: Loss = getattr(losses, name)("multiclass", ignore_index=IGNORE)
    return loss


LOSSES: dict[str, Callable[[], Loss]] = {
    "cross_entropy": lambda: partial(F.cross_entropy, ignore_index=IGNORE),
    "dice": partial(_smp_loss, "DiceLoss"),
    "focal": partial(_smp_loss, "FocalLoss"),
    "jaccard": partial(_smp_loss, "JaccardLoss"),
    "lovasz": partial(_smp_loss, "LovaszLoss"),
    "tversky": partial(_smp_loss, "TverskyLoss"),
}


def semantic_losses(weights: Mapping[str, float], logits: Tensor, target: Tensor) -> dict[str, Tensor]:
    """Return each loss times its weight, as ``loss_<name>``.

    Args:
        weights: name in `LOSSES` → factor.
        logits: (B, C, H, W) of any floating dtype.
        target: (B, H, W) integer classes, 255 for pixels to ignore.

    Returns:
        Float32 scalars; 0, with gradients of 0, if all pixels are ignored.

    >>> logits = torch.tensor([[[[9.0]], [[-9.0]]]])
    >>> losses = semantic_losses({"cross_entropy": 1.0, "dice": 0.5}, logits, torch.tensor([[[0]]]))
    >>> {name: round(loss.item(), 3) for name, loss in losses.items()}
    {'loss_cross_entropy': 0.0, 'loss_dice': 0.0}
    """
    logits, target = logits.float(), target.long()
    any_valid = (target != IGNORE).any()
    # A mean over no pixels is NaN, and so are its gradients: then no pixel is ignored, and the loss is multiplied by 0.
    target = torch.where(any_valid, target, torch.zeros_like(target))
    return {f"loss_{name}": LOSSES[name]()(logits, target) * (weight * any_valid) for name, weight in weights.items()}
