"""What the hub logs, on stderr, for as long as a command runs."""

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
        (("-v", "--verbose"), logging.DEBUG, "say more"),
        (("-q", "--quiet"), logging.WARNING, "say only what is wrong"),
    ):
        group.add_argument(*flags, dest="verbosity", action="store_const", const=level, default=logging.INFO, help=what)


@contextlib.contextmanager
def logs_to_stderr(level: int) -> Iterator[None]:
    """Print the logger ``hub`` on stderr inside the ``with`` block: stdout is for answers.

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
    """The bare message; what is worse than information says so."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return f"{record.levelname.lower()}: {text}" if record.levelno > logging.INFO else text
