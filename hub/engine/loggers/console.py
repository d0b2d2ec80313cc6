"""Progress on the console: a bar on a terminal, lines in a log file, tables of metrics."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping

from rich.console import Console as RichConsole
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column

from hub.contract import Evaluation
from hub.engine.loggers.json_lines import read_records
from hub.engine.loggers.logger import Logger, RunInfo, StepRecord
from hub.visual.tables import empty_classes, evaluation_line, evaluation_table, per_class_table

log = logging.getLogger("hub")


class Console(Logger):
    """Show progress, losses, a line for each evaluation, and tables of the last one on stderr."""

    def __init__(self) -> None:
        self._console = RichConsole(stderr=True)
        self._best: dict[str, tuple[float, int]] = {}
        self._last: tuple[int, Mapping[str, Evaluation]] | None = None
        one_line = Column(no_wrap=True)  # 80 columns hold it all
        self._bar = Progress(
            TextColumn("[bold]train"), BarColumn(bar_width=12), MofNCompleteColumn(table_column=one_line),
            TextColumn("{task.fields[note]}", table_column=one_line), TimeElapsedColumn(), TextColumn("<"),
            TimeRemainingColumn(), console=self._console, disable=not self._console.is_terminal,
        )  # fmt: skip

    def start(self, info: RunInfo) -> None:
        """Show the bar."""
        self._folder, self._first_step = info.folder, info.first_step
        self._total = info.total_steps
        self._task = self._bar.add_task("train", total=info.total_steps, completed=info.first_step, note="")
        self._bar.start()

    def progress(self, step: int) -> None:
        """Update the progress bar."""
        self._bar.update(self._task, completed=step)

    def log_step(self, record: StepRecord) -> None:
        """Show loss and speed."""
        total, speed = record.losses["total"], record.images_per_second
        note = f"loss {total:.3f} lr {record.lr:.1e} {speed:.1f} im/s"
        if record.waiting > 0.2:
            note += f"  [yellow]{record.waiting:.0%} waiting for data[/yellow]"
        self._bar.update(self._task, completed=record.step, note=note)
        if not self._console.is_terminal:
            parts = "  ".join(f"{name} {value:.3f}" for name, value in record.losses.items() if name != "total")
            log.info(
                "step %d/%d  loss %.4f  (%s)  lr %.2e  %.1f images/s",
                record.step, self._total, total, parts, record.lr, speed,
            )  # fmt: skip

    def log_evaluation(self, step: int, evaluations: Mapping[str, Evaluation]) -> None:
        """Print the main metrics, and the best so far."""
        for head, evaluation in evaluations.items():
            if head not in self._best:
                self._best[head] = self._best_before(f"{head}/{evaluation.main}")
            value = evaluation.metrics[evaluation.main]
            if value >= self._best[head][0]:
                self._best[head] = value, step
        self._last = step, evaluations
        self._console.print(evaluation_line(step, evaluations, self._best), highlight=False, soft_wrap=True)

    def _best_before(self, name: str) -> tuple[float, int]:
        """Return the best value of a metric before the run was resumed, and its step."""
        path = None if self._folder is None else self._folder / "metrics.jsonl"
        if self._first_step == 0 or path is None or not path.exists():
            return -math.inf, 0
        values = [(r.get(name), r.get("step")) for r in read_records(path)]
        known = [(v, s) for v, s in values if isinstance(v, float) and isinstance(s, int) and s < self._first_step]
        return max(known, default=(-math.inf, 0))

    def close(self, error: BaseException | None = None) -> None:
        """Remove the bar, and print all metrics of the last evaluation."""
        self._bar.stop()
        if error is None and self._last is not None:
            step, evaluations = self._last
            print_evaluations(self._console, evaluations, title=f"metrics at step {step}")


def print_evaluations(console: RichConsole, evaluations: Mapping[str, Evaluation], *, title: str = "") -> None:
    """Print a table of all heads' metrics, and one of each head's classes."""
    if title:
        console.print(title, highlight=False)
    console.print(evaluation_table(evaluations))
    for head, evaluation in evaluations.items():
        if evaluation.per_class:
            console.print(per_class_table(head, evaluation))
            if line := empty_classes(evaluation):
                console.print(line, highlight=False, markup=False)
