"""Losses of class maps: those of segmentation_models.pytorch, and cross-entropy."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from hub.contract import IGNORE, Loss, find_loss


def cross_entropy(logits: Tensor, classes: Tensor) -> Tensor:
    """Return the mean cross-entropy of pixels or voxels."""
    return F.cross_entropy(logits, classes, ignore_index=IGNORE)


def dice(logits: Tensor, classes: Tensor) -> Tensor:
    """Return 1 − Dice, the mean over classes (Milletari et al. 2016)."""
    return _smp_loss("DiceLoss")(logits, classes)


def focal(logits: Tensor, classes: Tensor) -> Tensor:
    """Return the focal loss (Lin et al. 2017)."""
    return _smp_loss("FocalLoss")(logits, classes)


def jaccard(logits: Tensor, classes: Tensor) -> Tensor:
    """Return 1 − the Jaccard index, the mean over classes."""
    return _smp_loss("JaccardLoss")(logits, classes)


def lovasz(logits: Tensor, classes: Tensor) -> Tensor:
    """Return the Lovász-softmax loss (Berman et al. 2018)."""
    return _smp_loss("LovaszLoss")(logits, classes)


def tversky(logits: Tensor, classes: Tensor) -> Tensor:
    """Return 1 − the Tversky index, the mean over classes (Salehi et al. 2017)."""
    return _smp_loss("TverskyLoss")(logits, classes)


def _smp_loss(name: str) -> Loss:
    from segmentation_models_pytorch import losses

    loss: Loss = getattr(losses, name)("multiclass", ignore_index=IGNORE)
    return loss


def semantic_losses(weights: Mapping[str, float], logits: Tensor, target: Tensor) -> dict[str, Tensor]:
    """Return each loss times its weight, as ``loss_<name>``.

    Args:
        weights: name of a loss → factor.
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
    return {f"loss_{name}": find_loss(name)(logits, target) * (weight * any_valid) for name, weight in weights.items()}
