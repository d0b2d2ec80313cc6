"""Optimizers by name: functions from parameter groups and a learning rate to a `torch.optim.Optimizer`."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field

from hub.engine.optim.groups import ParameterGroup
from hub.errors import OptionError, did_you_mean


def sgd(
    groups: list[ParameterGroup],
    lr: float,
    *,
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9,
    nesterov: bool = False,
) -> torch.optim.Optimizer:
    """Return stochastic gradient descent with momentum.

    Args:
        groups: from `parameter_groups`.
        lr: of groups that have none of their own.
        momentum: fraction of the last update that is added to the next.
        nesterov: use Nesterov momentum (Sutskever et al. 2013).
    """
    return torch.optim.SGD(groups, lr=lr, momentum=momentum, nesterov=nesterov)


def adamw(
    groups: list[ParameterGroup],
    lr: float,
    *,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
) -> torch.optim.Optimizer:
    """Return AdamW (Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101).

    Args:
        groups: from `parameter_groups`.
        lr: of groups that have none of their own.
        betas: decays of the two moving averages.
        eps: added to the denominator.
    """
    return torch.optim.AdamW(groups, lr=lr, betas=betas, eps=eps)


def timm(groups: list[ParameterGroup], lr: float, *, of: str, **options: object) -> torch.optim.Optimizer:
    """Return one of timm's optimizers: ``{name: timm, of: lamb}``.

    Args:
        groups: from `parameter_groups`.
        lr: of groups that have none of their own.
        of: name of the optimizer; ``timm.optim.list_optimizers()`` lists them.
        options: options of that optimizer.

    Raises:
        OptionError: timm has no such optimizer, or it does not have one of the options.
    """
    from timm.optim import create_optimizer_v2, list_optimizers

    known = list_optimizers()
    if of not in known:
        raise OptionError(f"timm has no optimizer {of!r}.{did_you_mean(of, known)}", fix=f"one of {', '.join(known)}")
    try:
        optimizer: torch.optim.Optimizer = create_optimizer_v2(groups, opt=of, lr=lr, weight_decay=0.0, **options)
    except (TypeError, ValueError) as error:
        raise OptionError(f"timm's optimizer {of!r}: {error}", fix="see its documentation for its options") from None
    return optimizer
