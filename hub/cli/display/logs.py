"""Logging to stderr while a command runs."""

from __future__ import annotations

import argparse
import contextlib
import logging
import sys
from collections.abc import Iterator


def add_verbosity(parser: argparse.ArgumentParser) -> None:
    """Add ``-v`` and ``-q``; they set ``args.verbosity`` to a level of `logging`."""
    group = parser.add_mutually_exclusive_group()
    for flags, level, what in (
        (("-v", "--verbose"), logging.DEBUG, "log details"),
        (("-q", "--quiet"), logging.WARNING, "log only warnings and errors"),
    ):
        group.add_argument(*flags, dest="verbosity", action="store_const", const=level, default=logging.INFO, help=what)


@contextlib.contextmanager
def logs_to_stderr(level: int) -> Iterator[None]:
    """Print the logger ``hub`` on stderr inside the ``with`` block; stdout is for results.

    Args:
        level: the lowest level of `logging` to print.
    """
    logger = logging.getLogger("hub")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter("%(message)s"))
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.level, logger.propagate = before


class _Formatter(logging.Formatter):
    """Formats the message alone, with the level's name for warnings and errors."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return f"{record.levelname.lower()}: {text}" if record.levelno > logging.INFO else text
