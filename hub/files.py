"""Writing files so that a crash, a full disk or a kill never leaves half of one."""

from __future__ import annotations

import errno
import json
import math
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from hub.errors import SaveError


def write_atomic(path: str | os.PathLike[str], write: Callable[[Path], object]) -> Path:
    """Let ``write`` fill a temporary file beside ``path``, then put it in place in one step.

    Args:
        path: the file; its folder is made where it is missing.
        write: called with the temporary path.

    Returns:
        The path.

    Raises:
        SaveError: the disk is full or the folder cannot be written; what stood at ``path`` before is untouched.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomic(Path(folder) / "note.txt", lambda p: p.write_text("whole")).read_text()
    'whole'
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())  # without it a power cut may leave an empty file under the new name
        temporary.chmod(0o666 & ~_umask())  # safetensors makes files that only their owner may read
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:  # torch reports a failed write as RuntimeError
        _remove(temporary)
        raise save_error(path, error) from error
    except BaseException:
        _remove(temporary)
        raise
    return path


def write_text(path: str | os.PathLike[str], text: str) -> Path:
    """`write_atomic` for UTF-8 text."""
    return write_atomic(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_bytes(path: str | os.PathLike[str], content: bytes) -> Path:
    """`write_atomic` for bytes."""
    return write_atomic(path, lambda temporary: temporary.write_bytes(content))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _remove(temporary: Path) -> None:
    with suppress(OSError):  # the first problem is the one to report
        temporary.unlink(missing_ok=True)


def write_json(path: str | os.PathLike[str], value: Any) -> Path:
    """`write_atomic` for plain values; NaN and infinities, which JSON does not have, become null."""
    return write_text(path, to_json(value, indent=2))


def to_json(value: Any, *, indent: int | None = None) -> str:
    """Plain values as JSON, with null where a number is not finite.

    >>> to_json({"APl": float("nan")})
    '{"APl": null}'
    """
    return json.dumps(_finite(value), indent=indent)


def save_error(path: Path, error: OSError | RuntimeError) -> SaveError:
    """The error to raise where ``path`` could not be written."""
    full = (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)) or any(
        phrase in str(error) for phrase in ("No space left", "file write failed", "unexpected pos")
    )
    if full:
        return SaveError(
            f"no space left on the disk while writing {path}; the previous version is untouched",
            fix="free some space, then continue with --resume",
        )
    return SaveError(f"cannot write {path}: {error}", fix="check that the folder exists and may be written")
