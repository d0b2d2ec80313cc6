"""What training makes smaller: the losses of all heads, each with its weight."""

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

    With ``"uncertainty"`` each head has a log-variance s that is learned with the model: its losses count
    exp(−s) times, and s is added, so that no head can make itself heard less for nothing (Kendall, Gal and Cipolla
    2018, https://arxiv.org/abs/1705.07115, equation 7, one form for all kinds of losses).

    Args:
        model: whose losses they are.
        weights: head, or ``head/loss``, → factor, 1 where nothing is said; or ``"uncertainty"``. A head's factor and
            a loss's multiply.

    Raises:
        ConfigError: a weight for a head that is not there.
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
        """The weighted sum of all losses, and each without its weight, by ``head/loss``.

        Raises:
            ConfigError: a weight for a loss that its head does not have.
        """
        losses = {f"{h}/{n}": loss for h, named in self.model(batch).items() for n, loss in named.items()}
        self._check_names(losses)
        terms = [loss * self._factor(name) for name, loss in losses.items()]
        seen = dict.fromkeys(name.partition("/")[0] for name in losses)
        terms += [self.log_variances[self._place[head]] for head in seen if head in self._place]
        return torch.stack(terms).sum(), losses

    def learned(self) -> dict[str, float]:
        """Head → the weight that it has now, where weights are learned."""
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
