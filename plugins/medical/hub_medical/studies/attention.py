"""Gated attention over the instances of a bag.

Reference: Ilse, Tomczak and Welling, Attention-based Deep Multiple Instance Learning, 2018
(https://arxiv.org/abs/1802.04712), equations 7 and 9.
"""

from __future__ import annotations

from torch import Tensor, nn


class GatedAttention(nn.Module):
    """One vector of a bag: the mean of its instances with learned weights, independent of their order.

    Args:
        channels: of an instance.
        hidden: width of V and U in the paper.
    """

    def __init__(self, channels: int, hidden: int = 128) -> None:
        super().__init__()
        self.content = nn.Linear(channels, hidden)  # V
        self.gate = nn.Linear(channels, hidden)  # U
        self.weight = nn.Linear(hidden, 1, bias=False)  # w; the softmax would cancel a bias

    def forward(self, instances: Tensor) -> tuple[Tensor, Tensor]:
        """From (B, S, C) to the bags (B, C) and the weights (B, S), whose sums are 1."""
        scores = self.weight(self.content(instances).tanh() * self.gate(instances).sigmoid()).squeeze(-1)
        weights = scores.float().softmax(dim=1)
        return (weights[..., None] * instances.float()).sum(dim=1), weights
