"""TensorBoard's event files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
from torch.utils.tensorboard import SummaryWriter

from hub.contract import Evaluation
from hub.engine.loggers.logger import Logger, RunInfo, StepRecord, evaluation_scalars
from hub.errors import ConfigError
from hub.files import save_error


class TensorBoard(Logger):
    """Write scalars, the text of the config and sample predictions as TensorBoard's event files.

    Args:
        folder: folder of the event files; by default that of the run.
    """

    def __init__(self, *, folder: Path | None = None) -> None:
        self._given = folder
        self._writer: SummaryWriter | None = None

    def start(self, info: RunInfo) -> None:
        """Open an event file; TensorBoard then ignores the later steps of earlier files.

        Raises:
            ConfigError: neither a folder nor a run with a folder is given.
        """
        folder = self._given or info.folder
        if folder is None:
            raise ConfigError("the logger tensorboard has no folder", fix="give folder=… or a run with a folder")
        self._folder = folder
        self._writer = SummaryWriter(str(folder), purge_step=info.first_step + 1 if info.first_step else None)
        if info.config:
            indented = "".join(f"    {line}\n" for line in info.config.splitlines())  # Markdown for preformatted text
            self._writer.add_text("config", indented, info.first_step)

    def log_step(self, record: StepRecord) -> None:
        """Add losses and speed."""
        self._add(record.step, record.scalars())

    def log_evaluation(self, step: int, evaluations: Mapping[str, Evaluation]) -> None:
        """Add metrics."""
        self._add(step, evaluation_scalars(evaluations))

    def log_image(self, step: int, name: str, image: np.ndarray) -> None:
        """Add an image."""
        assert self._writer is not None
        self._writer.add_image(name, image, step, dataformats="HWC")

    def close(self, error: BaseException | None = None) -> None:
        """Close the file."""
        if self._writer is not None:
            with suppress(OSError):  # a full disk was reported when a value was added
                self._writer.close()

    def _add(self, step: int, scalars: Mapping[str, float]) -> None:
        assert self._writer is not None
        try:
            for name, value in scalars.items():
                if math.isfinite(value):
                    self._writer.add_scalar(name, value, step)
        except OSError as error:
            raise save_error(self._folder, error) from error
