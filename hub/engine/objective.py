"""The training objective: the weighted losses of all heads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from hub.contract import Batch
from hub.errors import ConfigError, did_you_mean
from hub.model import Model

Weights = Mapping[str, float] | Literal["uncertainty"]


class Objective(nn.Module):
    """A model and the weights of its losses.

    With ``"uncertainty"`` each head has a log-variance s that is learned with the model: its losses are
    multiplied by exp(−s), and s is added as a penalty for small weights (Kendall, Gal and Cipolla 2018,
    https://arxiv.org/abs/1705.07115, equation 7, in the same form for all losses).

    Args:
        model: the model.
        weights: head, or ``head/loss``, → factor, by default 1; or ``"uncertainty"``. The factors of a head and of its
            loss are multiplied.

    Raises:
        ConfigError: a weight is given for a head that does not exist.
    """

    def __init__(self, model: Model, weights: Weights) -> None:
        super().__init__()
        self.model = model
        self.fixed = {} if isinstance(weights, str) else dict(weights)
        for key in self.fixed:
            head = key.partition("/")[0]
            if head not in model.heads:
                raise ConfigError(
                    f"train.loss_weights names {head!r}, which is not a head of {model.recipe.name}."
                    f"{did_you_mean(head, model.heads)}",
                    fix=f"its heads are {', '.join(model.heads)}",
                )
        learned = [name for name, head in model.items() if head.needs] if weights == "uncertainty" else []
        self.log_variances = nn.ParameterList(nn.Parameter(torch.zeros(())) for _ in learned)
        self._place = {name: i for i, name in enumerate(learned)}

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the weighted sum of all losses, and each loss without its weight by ``head/loss``.

        Raises:
            ConfigError: a weight is given for a loss that its head does not have.
        """
        losses = {f"{h}/{n}": loss for h, named in self.model(batch).items() for n, loss in named.items()}
        self._check_names(losses)
        terms = [loss * self._factor(name) for name, loss in losses.items()]
        seen = dict.fromkeys(name.partition("/")[0] for name in losses)
        terms += [self.log_variances[self._place[head]] for head in seen if head in self._place]
        return torch.stack(terms).sum(), losses

    def learned(self) -> dict[str, float]:
        """Return head → its current weight, if weights are learned."""
        return {head: float(torch.exp(-self.log_variances[i].detach())) for head, i in self._place.items()}

    def _factor(self, name: str) -> Tensor | float:
        head = name.partition("/")[0]
        if head in self._place:
            return torch.exp(-self.log_variances[self._place[head]])
        return self.fixed.get(head, 1.0) * self.fixed.get(name, 1.0)

    def _check_names(self, losses: Mapping[str, Tensor]) -> None:
        seen = {name.partition("/")[0] for name in losses}
        for key in self.fixed:
            head, slash, _ = key.partition("/")
            if slash and head in seen and key not in losses:
                raise ConfigError(
                    f"train.loss_weights names {key!r}, but there is no such loss.{did_you_mean(key, losses)}",
                    fix=f"known: {', '.join(losses)}",
                )
