"""TIFF files of several bands or pages, and windows of large ones, through tifffile (an optional dependency)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from hub.errors import ImageError, MissingRequirementError, PixelFormatError

if TYPE_CHECKING:
    import numpy as np
    from tifffile import TiffFile, TiffPage

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_RGB = 2  # the value of the tag PhotometricInterpretation


def is_tiff(path: str | os.PathLike[str]) -> bool:
    """Return whether a file begins as TIFF or BigTIFF does."""
    with open(path, "rb") as file:
        return file.read(4) in _MAGIC


def tiff_shape(path: str | os.PathLike[str]) -> tuple[int, int, int, str]:
    """Return height, width, channels (bands, or pages of one band) and the name of the dtype of a TIFF file.

    Raises:
        MissingRequirementError: tifffile is not installed.
        PixelFormatError: the file has more axes than height, width and one of channels.
    """
    with _tifffile(path).TiffFile(path) as file:
        series = file.series[0]
        shape = dict(zip(_axes(path, series), series.shape, strict=True))
        return shape.pop("Y"), shape.pop("X"), next(iter(shape.values()), 1), series.dtype.name


def read_tiff(path: str | os.PathLike[str]) -> np.ndarray:
    """Return a TIFF file as (H, W, C) in its own dtype; channels are bands, or pages of one band.

    Raises:
        MissingRequirementError: tifffile is not installed.
        PixelFormatError: the file has more axes than height, width and one of channels.
    """
    import numpy as np

    with _tifffile(path).TiffFile(path) as file:
        series = file.series[0]
        axes = _axes(path, series)
        array = np.asarray(series.asarray())
    if array.ndim == 2:
        return array[:, :, None]
    return np.ascontiguousarray(np.moveaxis(array, (axes.index("Y"), axes.index("X")), (0, 1)))


def has_colors(path: str | os.PathLike[str]) -> bool:
    """Return whether the first three bands of a TIFF file are red, green and blue.

    Raises:
        MissingRequirementError: tifffile is not installed.
    """
    with _tifffile(path).TiffFile(path) as file:
        return is_rgb(file.series[0].keyframe)


def is_rgb(page: TiffPage) -> bool:
    """Return whether the first three bands of a page are red, green and blue."""
    return bool(page.photometric == _RGB and page.samplesperpixel >= 3)


def open_tiff(path: str | os.PathLike[str]) -> TiffFile:
    """Return an open ``tifffile.TiffFile``, a context manager.

    Raises:
        MissingRequirementError: tifffile is not installed.
    """
    return _tifffile(path).TiffFile(path)


def read_segment(path: str | os.PathLike[str], page: TiffPage, index: int) -> np.ndarray:
    """Return a tile or a strip of a page of an open file, (h, w, C), cut at the border of the image.

    Raises:
        ImageError: it cannot be decoded.
    """
    import numpy as np

    file = page.parent.filehandle
    try:
        file.seek(page.dataoffsets[index])
        data = file.read(page.databytecounts[index])
        decoded, _, shape = page.decode(data or None, index, jpegtables=page.jpegtables)
    except Exception as error:  # tifffile and its codecs raise many kinds
        raise ImageError(
            f"image {os.fspath(path)} cannot be decoded: {error}", fix="replace or remove the file"
        ) from None
    if decoded is None:  # a part that the file leaves out
        decoded = np.zeros(shape, page.dtype)
    _, height, width = shape[:3]
    return np.asarray(decoded)[0, :height, :width]


def _axes(path: str | os.PathLike[str], series: Any) -> str:
    axes = str(series.axes)
    if not {"Y", "X"} <= set(axes) or len(axes) > 3:
        sizes = " × ".join(f"{size} ({axis})" for axis, size in zip(axes, series.shape, strict=True))
        raise PixelFormatError(
            f"{os.fspath(path)} has the axes {sizes}; an image has height (Y), width (X) and channels",
            fix="save the planes that belong together as one file of several bands",
        )
    return axes


def _tifffile(path: str | os.PathLike[str]) -> Any:
    try:
        import tifffile
    except ModuleNotFoundError:
        raise MissingRequirementError(
            f"{os.fspath(path)} is a TIFF of several bands or pages, or of 16-bit colors, which needs tifffile",
            fix="pip install 'backbone-hub[tiff]'",
        ) from None
    return tifffile
