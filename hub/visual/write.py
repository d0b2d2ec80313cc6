"""Writing pictures, whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from hub.errors import SaveError
from hub.files import write_atomic


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
    pixels = image[:, :, 0] if image.ndim == 3 and image.shape[2] == 1 else image
    return write_atomic(path, lambda temporary: Image.fromarray(pixels).save(temporary, format=format, quality=92))
