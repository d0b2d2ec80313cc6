"""Combine several loggers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hub.contract import Evaluation
from hub.engine.loggers.logger import Logger, RunInfo, StepRecord


class Loggers(Logger):
    """Pass every call to several loggers, in order.

    Args:
        loggers: the loggers; may be empty.
    """

    def __init__(self, loggers: Sequence[Logger]) -> None:
        self._all = list(loggers)

    def start(self, info: RunInfo) -> None:
        """Start every logger."""
        for logger in self._all:
            logger.start(info)

    def progress(self, step: int) -> None:
        """Pass the call to every logger."""
        for logger in self._all:
            logger.progress(step)

    def log_step(self, record: StepRecord) -> None:
        """Pass the call to every logger."""
        for logger in self._all:
            logger.log_step(record)

    def log_evaluation(self, step: int, evaluations: Mapping[str, Evaluation]) -> None:
        """Pass the call to every logger."""
        for logger in self._all:
            logger.log_evaluation(step, evaluations)

    def log_image(self, step: int, name: str, image: np.ndarray) -> None:
        """Pass the call to every logger."""
        for logger in self._all:
            logger.log_image(step, name, image)

    def close(self, error: BaseException | None = None) -> None:
        """Close every logger."""
        for logger in self._all:
            logger.close(error)
