"""Training the shipped configs to the end, each once, and a table of what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from hub.engine.config import load_config
from hub.engine.run import Run
from hub.engine.strategy import Single
from hub.engine.trainer import Trainer

CONFIGS = Path(__file__).parents[2] / "configs"
ROWS: list[tuple[str, str, str, str, str]] = []  # config, head · metric, target, reached, minutes


@dataclass
class Learned:
    """The metrics of a config: head → metric → value."""

    minutes: float
    metrics: dict[str, dict[str, float]] = field(default_factory=dict)

    def check(self, config: str, head: str, targets: dict[str, float]) -> None:
        """Record every metric in the table, then assert the targets."""
        for name, least in targets.items():
            reached = self.metrics[head][name]
            row = (config, f"{head} · {name}", f"≥ {least:.3f}", f"{reached:.3f}", f"{self.minutes:.1f}")
            ROWS.append(row)
        missed = {name: self.metrics[head][name] for name, least in targets.items() if self.metrics[head][name] < least}
        assert not missed, f"{config}: {head} was to reach {targets}"


@pytest.fixture(scope="session")
def learn(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Learned]:
    """Call with a config's path below ``configs/`` and overrides; each is trained once a session."""
    base = tmp_path_factory.mktemp("learning")
    done: dict[tuple[str, ...], Learned] = {}

    def run(*given: str) -> Learned:
        if given not in done:
            name, *overrides = given
            shipped = load_config(CONFIGS / name)
            root = base / Path(shipped.data.root).name  # configs with the same data share it
            config = load_config(CONFIGS / name, [f"data.root={root}", *overrides])
            home = Run(base / str(len(done)))
            trainer = Trainer.from_config(config, home, strategy=Single("cpu"))
            home.begin(config)
            start = time.monotonic()
            found = trainer.fit()
            minutes = (time.monotonic() - start) / 60
            done[given] = Learned(minutes, {head: evaluation.metrics for head, evaluation in found.items()})
        return done[given]

    return run


def pytest_terminal_summary() -> None:
    """Print the metrics of each head, and the minutes of training with evaluation."""
    if not ROWS:
        return
    table = Table(title="trained from random weights on generated shapes", title_justify="left")
    for column in ("config", "head · metric", "target", "reached", "minutes"):
        table.add_column(column, justify="right" if column in ("target", "reached", "minutes") else "left")
    for row in ROWS:
        table.add_row(*row)
    Console(width=110).print(table)
