"""The losses of depth by name. Unknown pixels count nowhere; every image that has known ones counts the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor

SCALES = 4  # of the gradient loss: every pixel, then every second one, …
Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


def known(target: Tensor) -> Tensor:
    """Which pixels have a depth: (…) bool, False for NaN, infinity and everything that is not positive.

    >>> known(torch.tensor([2.0, 0.0, -1.0, float("nan"), float("inf")])).tolist()
    [True, False, False, False, False]
    """
    return target.isfinite() & (target > 0)


def silog(depth: Tensor, target: Tensor, valid: Tensor, *, variance: float = 0.5) -> Tensor:
    """The scale-invariant error of log depth (Eigen et al. 2014, https://arxiv.org/abs/1406.2283, equation 4).

    Args:
        depth: (B, H, W) positive.
        target: (B, H, W) positive, anything where not ``valid``.
        valid: (B, H, W) bool.
        variance: λ of the paper; at 1 a factor common to the whole image costs nothing.

    >>> depth, valid = torch.full((1, 2, 2), 2.0), torch.ones(1, 2, 2, dtype=torch.bool)
    >>> silog(depth, 3 * depth, valid, variance=1.0).abs() < 1e-6
    tensor(True)
    """
    error = _log_error(depth, target, valid)
    count = _count(valid)
    each = error.square().sum((1, 2)) / count - variance * (error.sum((1, 2)) / count).square()
    return _over_images(each, valid)


def l1(depth: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """The mean absolute error, in the unit of the data."""
    return _over_images(((depth - target) * valid).abs().sum((1, 2)) / _count(valid), valid)


def log_l1(depth: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """The mean absolute error of log depth: a tenth too far costs the same near and far."""
    return _over_images(_log_error(depth, target, valid).abs().sum((1, 2)) / _count(valid), valid)


def berhu(depth: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """The reverse Huber loss (Laina et al. 2016, https://arxiv.org/abs/1606.00373, equation 2).

    Absolute up to c, a fifth of the largest error in the batch, and quadratic beyond.
    """
    error = ((depth - target) * valid).abs()
    c = (0.2 * error.detach().amax()).clamp(min=1e-6)
    each = torch.where(error <= c, error, (error.square() + c * c) / (2 * c))
    return _over_images(each.sum((1, 2)) / _count(valid), valid)


def gradient(depth: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Differences of the log error between neighbors, over four scales: edges lie where the target has them.

    Li and Snavely 2018 (https://arxiv.org/abs/1804.00607, equation 3); here each scale is a mean over the pairs of
    neighbors that are both known.
    """
    error = _log_error(depth, target, valid)
    total = error.sum() * 0
    for scale in range(SCALES):
        step = 2**scale
        e, v = error[:, ::step, ::step], valid[:, ::step, ::step]
        for dim in (1, 2):
            size = e.shape[dim]
            pair = v.narrow(dim, 1, size - 1) & v.narrow(dim, 0, size - 1)
            steps = (e.narrow(dim, 1, size - 1) - e.narrow(dim, 0, size - 1)) * pair
            total = total + _over_images(steps.abs().sum((1, 2)) / _count(pair), valid)
    return total


LOSSES: dict[str, Loss] = {"silog": silog, "l1": l1, "log_l1": log_l1, "berhu": berhu, "gradient": gradient}


def depth_losses(
    weights: Mapping[str, float], depth: Tensor, target: Tensor, *, variance: float = 0.5
) -> dict[str, Tensor]:
    """Each loss times its weight, as ``loss_<name>``.

    Args:
        weights: name of `LOSSES` → factor.
        depth: (B, H, W) positive, of any floating dtype.
        target: (B, H, W) depth; what is not finite and positive is unknown.
        variance: see `silog`.

    Returns:
        Float32 scalars; 0, with gradients of 0, where no pixel is known.

    >>> target = torch.tensor([[[2.0, float("nan")]]])
    >>> {name: loss.item() for name, loss in depth_losses({"l1": 0.5}, torch.full((1, 1, 2), 3.0), target).items()}
    {'loss_l1': 0.5}
    """
    depth, target = depth.float(), target.float()
    valid = known(target)
    target = torch.where(valid, target, torch.ones_like(target))  # NaN times 0 would still be NaN
    losses: dict[str, Loss] = {**LOSSES, "silog": partial(silog, variance=variance)}
    return {f"loss_{name}": weight * losses[name](depth, target, valid) for name, weight in weights.items()}


def _log_error(depth: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    return (depth.log() - target.log()) * valid


def _count(valid: Tensor) -> Tensor:
    """(B,) known pixels of each image, at least 1."""
    return valid.sum((1, 2)).clamp(min=1)


def _over_images(each: Tensor, valid: Tensor) -> Tensor:
    """The mean of (B,) over the images that have known pixels."""
    return each.sum() / valid.flatten(1).any(1).sum().clamp(min=1)
