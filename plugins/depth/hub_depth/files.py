"""Reading the numbers of a depth or disparity map, from every kind of file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hub.errors import AnnotationError

SUFFIXES = (".png", ".npy", ".npz", ".pfm", ".tif", ".tiff")  # looked for in this order


def read_map(path: str | os.PathLike[str]) -> np.ndarray:
    """The values of a file as they are stored.

    Args:
        path: PNG or TIFF with one channel of 8, 16 or 32 bits, ``.npy``, ``.npz`` with one array, or PFM.

    Returns:
        (H, W) of the file's own type.

    Raises:
        AnnotationError: it is missing, unreadable, or no plane of numbers.
    """
    path = Path(path)
    try:
        values = _READERS[path.suffix.lower()](path)
    except KeyError:
        raise AnnotationError(f"{path} is no kind of depth map", fix=f"use one of {', '.join(SUFFIXES)}") from None
    except FileNotFoundError:
        raise AnnotationError(
            f"depth map {path} does not exist", fix="check the folders in the dataset section"
        ) from None
    except Exception as error:  # Pillow and NumPy raise many kinds for a broken file
        raise AnnotationError(f"depth map {path} cannot be read: {error}", fix="replace the file") from None
    if values.ndim == 3 and 1 in (values.shape[0], values.shape[2]):
        values = values.squeeze(0 if values.shape[0] == 1 else 2)
    if values.ndim != 2 or values.dtype.kind not in "uif":
        raise AnnotationError(
            f"{path} holds {values.dtype} values of the shape {values.shape}, not one number a pixel",
            fix="save one channel of integers or floats",
        )
    return values


def map_size(path: str | os.PathLike[str]) -> tuple[int, int] | None:
    """(height, width) from the header of the file, None where it has to be read; see `read_map`."""
    from PIL import Image

    try:
        if Path(path).suffix.lower() in (".png", ".tif", ".tiff"):
            with Image.open(path) as picture:
                return picture.height, picture.width
        if Path(path).suffix.lower() == ".npy":
            shape = np.load(path, mmap_mode="r").shape
            return (shape[0], shape[1]) if len(shape) == 2 else None
    except Exception:  # `read_map` reports what is wrong
        return None
    return None


def _picture(path: Path) -> np.ndarray:
    from PIL import Image

    with Image.open(path) as picture:
        if picture.mode == "P":
            raise ValueError("it has a palette, so its values are colors")
        return np.array(picture)


def _archive(path: Path) -> np.ndarray:
    with np.load(path) as archive:
        if len(archive.files) != 1:
            raise ValueError(f"it holds {len(archive.files)} arrays ({', '.join(archive.files)}), not one")
        return np.asarray(archive[archive.files[0]])


def _pfm(path: Path) -> np.ndarray:
    import cv2

    values = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None:
        raise ValueError("it is no PFM file")
    return np.asarray(values)


_READERS: dict[str, Callable[[Path], np.ndarray]] = {
    ".png": _picture, ".tif": _picture, ".tiff": _picture, ".npy": np.load, ".npz": _archive, ".pfm": _pfm,
}  # fmt: skip
