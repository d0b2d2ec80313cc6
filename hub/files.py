"""Atomic writes: a crash, a full disk or a kill never leaves a partial file."""

from __future__ import annotations

import errno
import json
import math
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from hub.errors import SaveError

__all__ = [
    "save_error",
    "to_json",
    "write_atomic",
    "write_bytes",
    "write_json",
    "write_text",
]


def write_atomic(path: str | os.PathLike[str], write: Callable[[Path], object]) -> Path:
    """Call ``write`` with a temporary path beside ``path``, then rename the result to ``path``.

    Args:
        path: the file; missing parent folders are created.
        write: called with the temporary path.

    Returns:
        The path.

    Raises:
        SaveError: the disk is full or the folder is not writable; an existing file at ``path`` is unchanged.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomic(Path(folder) / "note.txt", lambda p: p.write_text("complete")).read_text()
    'complete'
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())  # otherwise a power cut may leave an empty file under the new name
        temporary.chmod(0o666 & ~_umask())  # safetensors creates files that only their owner can read
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:  # torch reports a failed write as RuntimeError
        _remove(temporary)
        raise save_error(path, error) from error
    except BaseException:
        _remove(temporary)
        raise
    return path


def write_text(path: str | os.PathLike[str], text: str) -> Path:
    """Write UTF-8 text with `write_atomic`."""
    return write_atomic(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_bytes(path: str | os.PathLike[str], content: bytes) -> Path:
    """Write bytes with `write_atomic`."""
    return write_atomic(path, lambda temporary: temporary.write_bytes(content))


def _finite(value: object) -> object:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _remove(temporary: Path) -> None:
    with suppress(OSError):  # the original error is the one to report
        temporary.unlink(missing_ok=True)


def write_json(path: str | os.PathLike[str], value: object) -> Path:
    """Write plain values as JSON with `write_atomic`; NaN and infinities, which JSON lacks, become null."""
    return write_text(path, to_json(value, indent=2))


def to_json(value: object, *, indent: int | None = None) -> str:
    """Return plain values as JSON text; numbers that are not finite become null.

    >>> to_json({"APl": float("nan")})
    '{"APl": null}'
    """
    return json.dumps(_finite(value), indent=indent)


def save_error(path: Path, error: OSError | RuntimeError) -> SaveError:
    """Return the `SaveError` for a failed write to ``path``."""
    full = (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)) or any(
        phrase in str(error) for phrase in ("No space left", "file write failed", "unexpected pos")
    )
    if full:
        return SaveError(
            f"no space left on the disk while writing {path}; the previous version is unchanged",
            fix="free some space, then continue with --resume",
        )
    return SaveError(f"cannot write {path}: {error}", fix="check that the folder exists and is writable")
