"""A plain table: it looks the same in a terminal, in a pipe and in a log."""

from __future__ import annotations

from collections.abc import Sequence


def format_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows under a header, in columns as wide as they need to be.

    >>> print(format_table(("name", "kind"), [("fpn", "neck"), ("faster-rcnn", "detection")]))
    name         kind
    fpn          neck
    faster-rcnn  detection
    """
    lines = [header, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
