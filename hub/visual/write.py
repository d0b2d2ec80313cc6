"""Writing pictures, whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np

from hub.errors import SaveError


def write_image(path: str | os.PathLike[str], image: np.ndarray) -> Path:
    """Write an image file; its ending chooses the format, and folders that are missing are made.

    Args:
        path: where to; ``.png``, ``.jpg`` or whatever else Pillow writes.
        image: (H, W, 3) uint8 RGB, or (H, W) and (H, W, 1) for grey.

    Returns:
        The path.

    Raises:
        SaveError: the ending is unknown, or the file cannot be written; nothing is left behind then.
    """
    from PIL import Image

    path = Path(path)
    format = Image.registered_extensions().get(path.suffix.lower())
    if format not in Image.SAVE:
        raise SaveError(f"{path}: cannot write images as {path.suffix!r}", fix="use .png or .jpg")
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp", delete=False) as file:
            temporary = Path(file.name)
            pixels = image[:, :, 0] if image.ndim == 3 and image.shape[2] == 1 else image
            Image.fromarray(pixels).save(file, format=format, quality=92)
        temporary.chmod(0o666 & ~_umask())  # a temporary file starts as its owner's alone
        os.replace(temporary, path)
    except OSError as error:
        raise SaveError(f"{path} cannot be written: {error}", fix="check the folder and the free space") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
    return path


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
