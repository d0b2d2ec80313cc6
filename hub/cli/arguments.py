"""Argument types that several commands share."""

from __future__ import annotations

import argparse
import os

from hub.registry.local_code import ALLOW_VARIABLE


def positive(text: str) -> int:
    """Parse an integer above 0.

    >>> positive("8")
    8
    """
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


def add_local_code(parser: argparse.ArgumentParser) -> None:
    """Declare ``--allow-local-code``, which takes effect when it is parsed, for worker processes too."""
    parser.add_argument(
        "--allow-local-code",
        action=_AllowLocalCode,
        nargs=0,
        help="import the local modules that the config or the checkpoint names; only if you trust them",
    )


class _AllowLocalCode(argparse.Action):
    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        os.environ[ALLOW_VARIABLE] = "1"
