"""Timing two things against each other on a noisy machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Comparison:
    """Seconds of both sides, round by round.

    Attributes:
        ours, theirs: one time a round; the sides take turns, so that a slow moment of the machine meets both.
    """

    ours: list[float]
    theirs: list[float]

    @property
    def ratios(self) -> list[float]:
        """How many times faster we were, in each round."""
        return [b / a for a, b in zip(self.ours, self.theirs, strict=True)]

    def row(self, name: str) -> tuple[str, str, str, str, str]:
        """Name, both medians, the ratio's median, and its lowest and highest value."""
        ratios = sorted(self.ratios)
        return (
            name,
            f"{statistics.median(self.ours):.3f}",
            f"{statistics.median(self.theirs):.3f}",
            f"{statistics.median(ratios):.2f}×",
            f"{ratios[0]:.2f}–{ratios[-1]:.2f}",
        )


def compare(ours: Callable[[], object], theirs: Callable[[], object], *, rounds: int, warmup: int = 1) -> Comparison:
    """Run both by turns.

    Args:
        ours, theirs: one step each.
        rounds: timed rounds, after ``warmup`` untimed ones.
    """
    for _ in range(warmup):
        ours()
        theirs()
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for side, step in zip(times, (ours, theirs), strict=True):
            _wait()
            start = time.perf_counter()
            step()
            _wait()
            side.append(time.perf_counter() - start)
    return Comparison(*times)


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
