"""What training tells: a progress line and log for people, JSON lines and TensorBoard for plots."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from torch.utils.tensorboard import SummaryWriter

from hub.contract import Evaluation
from hub.engine.run import Run
from hub.files import save_error, write_text
from hub.visual.tables import evaluation_table, per_class_table

log = logging.getLogger("hub")


class Events:
    """The ears of a training run; only rank 0 has an active one.

    Args:
        run: whose folder gets ``metrics.jsonl`` and TensorBoard's events.
        total: steps of the run.
        start: the step it begins with.
        active: False makes every method a no-op.
    """

    def __init__(self, run: Run, *, total: int, start: int, active: bool = True) -> None:
        self.active = active
        if not active:
            return
        self.console = Console(stderr=True)
        self._path = run.metrics
        _forget_after(start, run.metrics)
        self._file = run.metrics.open("a", encoding="utf-8")
        self._board = SummaryWriter(str(run.folder), purge_step=start + 1 if start else None)
        one_line = Column(no_wrap=True)  # 80 columns hold it all
        self._progress = Progress(
            TextColumn("[bold]train"), BarColumn(bar_width=12), MofNCompleteColumn(table_column=one_line),
            TextColumn("{task.fields[note]}", table_column=one_line), TimeElapsedColumn(), TextColumn("<"),
            TimeRemainingColumn(), console=self.console, disable=not self.console.is_terminal,
        )  # fmt: skip
        self._task = self._progress.add_task("train", total=total, completed=start, note="")
        self._total = total
        self._mark = (time.perf_counter(), start)

    def __enter__(self) -> Events:
        if self.active:
            self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self.active:
            self._progress.stop()
            with suppress(OSError):  # a full disk was reported when a record was written
                self._file.close()
                self._board.close()

    def tick(self, step: int) -> None:
        """A step is done."""
        if self.active:
            self._progress.update(self._task, completed=step)

    def step(self, step: int, losses: Mapping[str, float], *, lr: float, images: int, waiting: float) -> None:
        """Report a step.

        Args:
            step: steps done.
            losses: ``head/loss`` → value, and ``total``.
            lr: the learning rate used.
            images: in a step, over all processes.
            waiting: fraction of the time spent waiting for data since the last report.
        """
        if not self.active:
            return
        now = time.perf_counter()
        speed = images * (step - self._mark[1]) / max(now - self._mark[0], 1e-9)
        self._mark = (now, step)
        note = f"loss {losses['total']:.3f} lr {lr:.1e} {speed:.1f} im/s"
        if waiting > 0.2:
            note += f"  [yellow]{waiting:.0%} waiting for data[/yellow]"
        self._progress.update(self._task, completed=step, note=note)
        if not self.console.is_terminal:
            parts = "  ".join(f"{k} {v:.3f}" for k, v in losses.items() if k != "total")
            log.info(
                "step %d/%d  loss %.4f  (%s)  lr %.2e  %.1f images/s",
                step,
                self._total,
                losses["total"],
                parts,
                lr,
                speed,
            )
        self._write(
            {
                "step": step,
                "lr": lr,
                "images_per_second": speed,
                "waiting": waiting,
                **{f"loss/{k}": v for k, v in losses.items()},
            }
        )

    def evaluation(self, step: int, evaluations: Mapping[str, Evaluation]) -> None:
        """Report metrics: a table, and a record of each head's."""
        if not self.active:
            return
        self.console.print(evaluation_table(evaluations))
        for head, evaluation in evaluations.items():
            if evaluation.per_class:
                self.console.print(per_class_table(head, evaluation))
        self._write(
            {
                "step": step,
                **{f"{head}/{k}": v for head, e in evaluations.items() for k, v in e.metrics.items()},
            }
        )
        self._mark = (time.perf_counter(), step)  # evaluation is no training time

    def _write(self, record: Mapping[str, float]) -> None:
        finite = {k: (v if math.isfinite(v) else None) for k, v in record.items()}
        try:
            self._file.write(json.dumps(finite) + "\n")
            self._file.flush()
            for name, value in record.items():
                if name != "step" and math.isfinite(value):
                    self._board.add_scalar(name, value, int(record["step"]))
        except OSError as error:
            raise save_error(self._path, error) from error


def _forget_after(step: int, metrics: Path) -> None:
    """Drop records of steps that a killed run did after its last checkpoint: they will be done again."""
    if metrics.exists():
        lines = metrics.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if line.endswith("}\n") and json.loads(line)["step"] <= step]
        write_text(metrics, "".join(kept))
