"""Parts of large image files at full resolution, without decoding the rest where the format allows it."""

from __future__ import annotations

import os
from collections import OrderedDict
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from hub import tiff
from hub.errors import MissingRequirementError
from hub.image_decoding import check_pixels, finished
from hub.images import check_dtype, read_image
from hub.pixel_format import PixelFormat

if TYPE_CHECKING:
    from types import TracebackType

    import numpy as np

_CACHE_BYTES = 256 * 2**20
_LARGEST_SEGMENT = 64 * 2**20  # a strip that holds most of the image is better decoded once


class ImageRegions:
    """An image file of which windows are read; a context manager.

    Tiles and strips of TIFF and BigTIFF files are decoded where a window needs them, and the last ones are kept (256 MB
    at most). That takes tifffile; without it, and for other formats, the image is decoded once as a whole.

    Args:
        path: the file.
        in_chans: channels to return; see `hub.images.read_image`.
        pixels: format that the file must have, by default uint8.

    Attributes:
        size: height and width in pixels.
        lazy: whether parts are decoded on their own.

    Raises:
        ImageError, PixelFormatError: see `hub.images.read_image`.
    """

    def __init__(self, path: str | os.PathLike[str], *, in_chans: int = 3, pixels: PixelFormat | None = None) -> None:
        self._path, self._in_chans, self._pixels = path, in_chans, pixels
        self._stack = ExitStack()
        self._segments: OrderedDict[int, np.ndarray] = OrderedDict()
        self._page = self._open_page()
        self.lazy = self._page is not None
        if self._page is None:
            self._whole = read_image(path, in_chans=in_chans, pixels=pixels)
            self.size = (self._whole.shape[0], self._whole.shape[1])
        else:
            self.size = (int(self._page.imagelength), int(self._page.imagewidth))
            check_pixels(path, *self.size)

    def __enter__(self) -> ImageRegions:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        """Return (rows, columns, in_chans) of the image.

        Args:
            rows, columns: with start and stop, inside the image.

        Raises:
            ImageError: a part of the file is corrupt.
        """
        import numpy as np

        if self._page is None:
            return self._whole[rows, columns]
        page = self._page
        height, width = _segment_size(page)
        across = -(-self.size[1] // width)
        out = np.zeros((rows.stop - rows.start, columns.stop - columns.start, page.samplesperpixel), page.dtype)
        for down in range(rows.start // height, -(-rows.stop // height)):
            for right in range(columns.start // width, -(-columns.stop // width)):
                part = self._segment(down * across + right)
                top, left = down * height, right * width
                low, high = max(top, rows.start), min(top + part.shape[0], rows.stop)
                first, last = max(left, columns.start), min(left + part.shape[1], columns.stop)
                out[low - rows.start : high - rows.start, first - columns.start : last - columns.start] = part[
                    low - top : high - top, first - left : last - left
                ]
        colors = tiff.is_rgb(page)
        return check_dtype(self._path, finished(self._path, out, self._in_chans, colors=colors), self._pixels)

    def _open_page(self) -> Any:
        """The page of a TIFF whose segments can be decoded on their own, or None."""
        try:
            if not os.path.isfile(self._path) or not tiff.is_tiff(self._path):
                return None
            file = self._stack.enter_context(tiff.open_tiff(self._path))
        except MissingRequirementError:
            return None
        page = file.pages[0]
        height, width = _segment_size(page)
        plain = len(file.pages) == 1 and page.planarconfig == 1 and page.imagedepth == 1 and page.photometric in (1, 2)
        upright = page.tags.get(274) is None or page.tags[274].value == 1
        whole_bytes = page.bitspersample in (8, 16, 32) and page.dtype is not None
        if not (plain and upright and whole_bytes):
            return None
        small = height * width * page.samplesperpixel * page.dtype.itemsize <= _LARGEST_SEGMENT
        return page if small else None

    def _segment(self, index: int) -> np.ndarray:
        """(h, w, C) of a tile or strip, cut at the image's border."""
        import numpy as np

        if index in self._segments:
            self._segments.move_to_end(index)
            return self._segments[index]
        segment = tiff.read_segment(self._path, self._page, index)
        self._segments[index] = np.ascontiguousarray(segment)
        while len(self._segments) > 1 and sum(s.nbytes for s in self._segments.values()) > _CACHE_BYTES:
            self._segments.popitem(last=False)
        return self._segments[index]


def _segment_size(page: Any) -> tuple[int, int]:
    if page.is_tiled:
        return int(page.tilelength), int(page.tilewidth)
    return int(min(page.rowsperstrip, page.imagelength)), int(page.imagewidth)
