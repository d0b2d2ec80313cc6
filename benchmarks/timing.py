"""Compare the time of two functions on a noisy machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from benchmarks.peak import peak_memory


@dataclass(frozen=True)
class Comparison:
    """The times of both sides in seconds, per round.

    Attributes:
        ours, theirs: one time per round; the sides alternate, so that a slow moment of the machine affects both.
        memory: bytes that each side's tensors take at most, ours first.
    """

    ours: list[float]
    theirs: list[float]
    memory: tuple[int, int]

    @property
    def ratios(self) -> list[float]:
        """Return the speedup of each round."""
        return [b / a for a, b in zip(self.ours, self.theirs, strict=True)]

    def row(self, name: str) -> tuple[str, ...]:
        """Return the name, both medians, the median, minimum and maximum of the ratio, and both peaks of memory."""
        ratios = sorted(self.ratios)
        return (
            name,
            f"{statistics.median(self.ours):.3f}",
            f"{statistics.median(self.theirs):.3f}",
            f"{statistics.median(ratios):.2f}×",
            f"{ratios[0]:.2f}–{ratios[-1]:.2f}",
            " : ".join(f"{size / 1e6:,.0f}" for size in self.memory),
        )


def compare(
    ours: Callable[[], object],
    theirs: Callable[[], object],
    *,
    rounds: int,
    device: torch.device,
    warmup: int = 1,
) -> Comparison:
    """Run both in alternation, and each once more to measure its memory.

    Args:
        ours, theirs: one step each.
        rounds: timed rounds, after ``warmup`` untimed ones.
        device: where they run.
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
    return Comparison(*times, memory=(peak_memory(ours, device), peak_memory(theirs, device)))


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
