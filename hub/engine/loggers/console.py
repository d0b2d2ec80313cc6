"""Progress for people: a bar on a terminal, lines in a log file, tables of metrics."""

from __future__ import annotations

import logging
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
from hub.engine.loggers.logger import Logger, RunInfo, StepRecord
from hub.visual.tables import evaluation_table, per_class_table

log = logging.getLogger("hub")


class Console(Logger):
    """Show progress, losses and tables of metrics on stderr."""

    def __init__(self) -> None:
        self._console = RichConsole(stderr=True)
        one_line = Column(no_wrap=True)  # 80 columns hold it all
        self._bar = Progress(
            TextColumn("[bold]train"), BarColumn(bar_width=12), MofNCompleteColumn(table_column=one_line),
            TextColumn("{task.fields[note]}", table_column=one_line), TimeElapsedColumn(), TextColumn("<"),
            TimeRemainingColumn(), console=self._console, disable=not self._console.is_terminal,
        )  # fmt: skip

    def start(self, info: RunInfo) -> None:
        """Show the bar."""
        self._total = info.total_steps
        self._task = self._bar.add_task("train", total=info.total_steps, completed=info.first_step, note="")
        self._bar.start()

    def progress(self, step: int) -> None:
        """Move the bar."""
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
        """Print the metrics, and those of each class."""
        print_evaluations(self._console, evaluations)

    def close(self, error: BaseException | None = None) -> None:
        """Remove the bar's cursor control."""
        self._bar.stop()


def print_evaluations(console: RichConsole, evaluations: Mapping[str, Evaluation]) -> None:
    """Print a table of all heads' metrics, and one of each head's classes."""
    console.print(evaluation_table(evaluations))
    for head, evaluation in evaluations.items():
        if evaluation.per_class:
            console.print(per_class_table(head, evaluation))
