"""Tables and paragraphs that fit into the terminal without splitting a word; rich would make `hub list` slower."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence

UNLIMITED = 10_000  # columns of a pipe or a file: a row is one line there


def terminal_width() -> int:
    """Return the columns of the terminal, or ``COLUMNS`` if it is set; a pipe or a file has no limit."""
    return shutil.get_terminal_size((UNLIMITED, 24)).columns


def format_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, title: str = "") -> str:
    """Return a table whose last column wraps at spaces; the others are as wide as their cells.

    Args:
        header: names of the columns.
        rows: the cells.
        title: a line above the table.

    >>> print(format_table(("name", "kind"), [("fpn", "neck"), ("faster-rcnn", "detection")]))
    name         kind
    fpn          neck
    faster-rcnn  detection
    """
    lines = [header, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header) - 1)]
    left = sum(widths) + 2 * len(widths)
    longest = max((len(word) for line in lines for word in line[-1].split()), default=1)
    text = [title] if title else []
    for *cells, last in lines:
        wrapped = _wrap(last, max(longest, terminal_width() - left)) or [""]
        start = "".join(f"{cell:<{width}}  " for cell, width in zip(cells, widths, strict=True))
        text += [f"{start}{wrapped[0]}".rstrip(), *(" " * left + line for line in wrapped[1:])]
    return "\n".join(text)


def paragraph(text: str, *, first: str = "", indent: str = "", limit: int = 100) -> str:
    """Wrap text at spaces to the terminal's width, at most ``limit`` columns.

    >>> print(paragraph("a long sentence", first="- ", indent="  ", limit=10))
    - a long
      sentence
    """
    width = min(limit, terminal_width())
    return "\n".join(_wrap(text, width, initial_indent=first, subsequent_indent=indent))


def pairs(items: Sequence[tuple[str, str]]) -> str:
    """Return one indented ``key: value`` per line, with the values aligned.

    >>> print(pairs([("id", "backbone_hub:fpn"), ("from", "backbone-hub")]))
      id:    backbone_hub:fpn
      from:  backbone-hub
    """
    width = max((len(key) for key, _ in items), default=0) + 3
    return "\n".join(
        paragraph(value, first=f"  {key + ':':<{width}}", indent=" " * (width + 2)) for key, value in items
    )


def _wrap(text: str, width: int, *, initial_indent: str = "", subsequent_indent: str = "") -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=initial_indent,
        subsequent_indent=subsequent_indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
