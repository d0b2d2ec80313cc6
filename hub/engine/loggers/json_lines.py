"""One JSON record per line, for scripts and plots."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TextIO, TypeGuard

from hub.contract import Evaluation
from hub.engine.loggers.logger import Logger, RunInfo, StepRecord, evaluation_scalars
from hub.errors import ConfigError
from hub.files import save_error, to_json, write_text

Record = dict[str, object]


class JsonLines(Logger):
    """Write ``metrics.jsonl``: a record with losses every ``log_every`` steps, and one with metrics per evaluation.

    Values that are not finite are null. When a run is resumed, the records of steps and evaluations that are repeated
    are dropped.

    Args:
        path: path of the file; by default ``metrics.jsonl`` in the folder of the run.
    """

    def __init__(self, *, path: Path | None = None) -> None:
        self._given = path
        self._file: TextIO | None = None

    def start(self, info: RunInfo) -> None:
        """Open the file.

        Raises:
            ConfigError: neither a path nor a folder of the run is given.
        """
        if self._given is None and info.folder is None:
            raise ConfigError("the logger json-lines has no file", fix="give path=… or a run with a folder")
        self._path = self._given or (info.folder or Path()) / "metrics.jsonl"
        self._first_step = info.first_step
        if self._path.exists():
            self._keep(lambda record: int(str(record["step"])) <= info.first_step)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("a", encoding="utf-8")

    def log_step(self, record: StepRecord) -> None:
        """Write losses and speed."""
        self._write({"step": record.step, **record.scalars()})

    def log_evaluation(self, step: int, evaluations: Mapping[str, Evaluation]) -> None:
        """Write metrics; an evaluation that is repeated after resuming replaces its record."""
        if step == self._first_step and self._file is not None:
            self._file.close()
            self._keep(lambda record: record["step"] != step or "lr" in record)
            self._file = self._path.open("a", encoding="utf-8")
        self._write({"step": step, **evaluation_scalars(evaluations)})

    def close(self, error: BaseException | None = None) -> None:
        """Close the file."""
        if self._file is not None:
            with suppress(OSError):  # a full disk was reported when a record was written
                self._file.close()

    def _write(self, record: Record) -> None:
        assert self._file is not None
        try:
            self._file.write(to_json(record) + "\n")
            self._file.flush()
        except OSError as error:
            raise save_error(self._path, error) from error

    def _keep(self, wanted: Callable[[Record], bool]) -> None:
        """Rewrite the file with the wanted records; drop an incomplete last record of a killed process."""
        lines = self._path.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if _is_record(record := _parsed(line)) and wanted(record)]
        if kept != lines:
            write_text(self._path, "".join(kept))


def read_records(path: Path) -> list[dict[str, object]]:
    """Return the complete records of a ``metrics.jsonl``."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return [record for line in lines if _is_record(record := _parsed(line))]


def _parsed(line: str) -> object:
    try:
        return json.loads(line) if line.endswith("\n") else None
    except ValueError:
        return None


def _is_record(value: object) -> TypeGuard[Record]:
    return isinstance(value, dict) and isinstance(value.get("step"), int)
