"""Reading text files as labeling tools write them: UTF-8 with or without a byte-order mark, or UTF-16."""

from __future__ import annotations

import codecs
import os
from pathlib import Path

UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_text(path: str | os.PathLike[str]) -> str:
    """Return the text of a file without its byte-order mark.

    Raises:
        OSError: the file cannot be read.
        UnicodeDecodeError: it is neither UTF-8 nor UTF-16 with a byte-order mark.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "names.txt"
    ...     _ = file.write_bytes("cat".encode("utf-16"))
    ...     read_text(file)
    'cat'
    """
    return decode_text(Path(path).read_bytes())


def decode_text(content: bytes) -> str:
    """Decode the content of a text file; see `read_text`."""
    return content.decode("utf-16" if content.startswith(UTF16) else "utf-8-sig")


def read_lines(path: str | os.PathLike[str]) -> list[str]:
    """Return the lines that are not blank, stripped; see `read_text`."""
    return [line.strip() for line in read_text(path).splitlines() if line.strip()]
