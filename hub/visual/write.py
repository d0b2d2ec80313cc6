"""Atomic writing of images."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from hub.errors import SaveError
from hub.files import write_atomic


def write_image(path: str | os.PathLike[str], image: np.ndarray) -> Path:
    """Write an image file in the format of its suffix; missing folders are created.

    Args:
        path: ends in ``.png``, ``.jpg`` or another suffix that Pillow can write.
        image: (H, W, 3) uint8 RGB, or gray as (H, W) or (H, W, 1).

    Returns:
        The path.

    Raises:
        SaveError: the suffix is unknown, or the file cannot be written; no partial file is left behind.
    """
    from PIL import Image

    path = Path(path)
    format = Image.registered_extensions().get(path.suffix.lower())
    if format not in Image.SAVE:
        raise SaveError(f"{path}: cannot write images as {path.suffix!r}", fix="use .png or .jpg")
    pixels = image[:, :, 0] if image.ndim == 3 and image.shape[2] == 1 else image
    return write_atomic(path, lambda temporary: Image.fromarray(pixels).save(temporary, format=format, quality=92))
