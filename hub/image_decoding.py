"""Decoding image files exactly: 8 and 16 bits, float, alpha, several bands or pages."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hub import tiff
from hub.errors import ImageError, MissingRequirementError, OptionError, PixelFormatError

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image as PillowImage

MAX_PIXELS = 500_000_000
MAX_PIXELS_VARIABLE = "HUB_MAX_PIXELS"

_ORIENTATION = 0x0112  # the EXIF tag; values from 5 on swap height and width
_WITH_ALPHA = frozenset({"RGBA", "LA", "PA", "RGBa", "La"})
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_EXACT_FLOAT = 2**24  # the largest integer up to which float32 holds every one
_LUMA = (0.299, 0.587, 0.114)  # of R, G and B, ITU-R BT.601, as Pillow's "L"
_PILLOW_LIMIT = threading.RLock()


def max_pixels() -> int:
    """Return the largest height × width that is decoded: ``HUB_MAX_PIXELS``, by default 500 million.

    Raises:
        OptionError: the environment variable is not a positive integer.
    """
    text = os.environ.get(MAX_PIXELS_VARIABLE, str(MAX_PIXELS))
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise OptionError(f"{MAX_PIXELS_VARIABLE} is {text!r}", fix="set it to a number of pixels, or unset it")
    return int(text)


def check_pixels(path: str | os.PathLike[str], height: int, width: int) -> None:
    """Refuse an image of more than `max_pixels` before it is decoded.

    Raises:
        ImageError: it is larger.
    """
    if height * width > (limit := max_pixels()):
        raise ImageError(
            f"image {os.fspath(path)} has {width}×{height} pixels, more than the limit of {limit:,}",
            fix=f"if it is sound, set the environment variable {MAX_PIXELS_VARIABLE}={height * width} "
            "(hub predict: --max-pixels)",
        )


def decode(path: str | os.PathLike[str], *, in_chans: int, exif: bool = True) -> np.ndarray:
    """Decode an image file without losing a bit.

    Args:
        path: the file.
        in_chans: channels to return; see `hub.images.read_image`.
        exif: turn the image upright as its EXIF orientation says.

    Returns:
        (H, W, in_chans): uint8 of an 8-bit file, int16 of a signed 16-bit one, float32 of any other.

    Raises:
        ImageError: the file is missing, truncated, not an image, or too large.
        PixelFormatError: it has other channels, or 32-bit integers that float32 cannot hold.
        MissingRequirementError: the file needs tifffile.
    """
    with opened(path) as file:
        if file is not None and not is_deep(file):
            return _decode_bytes(path, file, in_chans, exif)
        planes, colors = (tiff.read_tiff(path), tiff.has_colors(path)) if file is None else (_decode_deep(path, file))
        if exif and file is not None:
            planes = upright(planes, int(file.getexif().get(_ORIENTATION, 1)))
    return finished(path, planes, in_chans, colors=colors)


def finished(path: str | os.PathLike[str], planes: np.ndarray, in_chans: int, *, colors: bool) -> np.ndarray:
    """Return decoded planes (H, W, C) with the channels wanted, as uint8, int16 or float32; see `with_channels`.

    Raises:
        PixelFormatError: the channels are others, or values do not fit these dtypes.
    """
    return _to_supported(path, with_channels(path, planes, in_chans, colors=colors))


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[PillowImage | None]:
    """Open an image file with Pillow, not decoded yet; None is a TIFF that only tifffile reads exactly.

    Raises:
        ImageError: the file is missing, not an image, too large, or fails while it is decoded in the context.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with ExitStack() as stack:
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")  # Pillow warns of odd EXIF and palettes that do not matter here
            try:
                file = Image.open(path)
            except Image.DecompressionBombError:
                stack.enter_context(_without_pillows_limit())  # ours is checked next
                file = Image.open(path)
            except UnidentifiedImageError:
                if not tiff.is_tiff(path):
                    raise
                check_pixels(path, *tiff.tiff_shape(path)[:2])
                yield None
                return
            stack.enter_context(file)
            check_pixels(path, file.height, file.width)
            yield None if file.format == "TIFF" and _needs_tifffile(file) else file
    except FileNotFoundError:
        raise ImageError(f"image {path} does not exist", fix="check the data root and the file names") from None
    except (ImageError, OptionError, MissingRequirementError):
        raise
    except Exception as error:  # Pillow raises many kinds: OSError, SyntaxError, ValueError…
        raise ImageError(f"image {path} cannot be decoded: {error}", fix="replace or remove the file") from None


def is_deep(file: PillowImage) -> bool:
    """Return whether an opened file has more than 8 bits per channel; Pillow would cut 16-bit colors to 8."""
    return file.mode in ("I", "F") or file.mode.startswith("I;16") or "16" in _raw_mode(file)


def upright(image: np.ndarray, orientation: int) -> np.ndarray:
    """Return (H, W, C) turned and mirrored as an EXIF orientation of 1 to 8 says."""
    import numpy as np

    if orientation in (2, 4, 5, 7):
        image = image[:, ::-1]
    turns = {3: 2, 4: 2, 5: 1, 6: 3, 7: 3, 8: 1}.get(orientation, 0)
    return np.ascontiguousarray(np.rot90(image, turns))


def with_channels(path: str | os.PathLike[str], image: np.ndarray, in_chans: int, *, colors: bool) -> np.ndarray:
    """Return (H, W, C) as (H, W, in_chans), where that loses no more than alpha, or color by its luminance.

    Args:
        path: of the file, for messages.
        image: its channels: gray; gray and alpha; RGB; RGB and alpha; or bands.
        in_chans: channels wanted.
        colors: whether the first three of three or more channels are red, green and blue.

    Raises:
        PixelFormatError: the channels are others.
    """
    import numpy as np

    channels = image.shape[2]
    if channels == in_chans:
        return image
    if in_chans in (1, 3) and channels == 2 and not colors:
        return image[:, :, :1].repeat(in_chans, axis=2)
    if in_chans == 3 and channels == 1:
        return image.repeat(3, axis=2)
    if in_chans == 3 and channels > 3 and colors:
        return np.ascontiguousarray(image[:, :, :3])
    if in_chans == 1 and channels >= 3 and colors:
        gray = image[:, :, :3].astype(np.float32) @ np.array(_LUMA, np.float32)
        rounded = gray if image.dtype.kind == "f" else np.rint(gray).astype(image.dtype)
        return rounded[:, :, None]
    raise channels_error(path, channels, in_chans)


def channels_error(path: str | os.PathLike[str], channels: int, in_chans: int) -> PixelFormatError:
    """Return the error of a file whose channels are not those that are wanted."""
    return PixelFormatError(
        f"{os.fspath(path)} has {channels} channels, but {in_chans} are wanted",
        fix=f"set in_chans to {channels} (in a config: model.in_chans), or convert the image",
    )


def _decode_bytes(path: str | os.PathLike[str], file: PillowImage, in_chans: int, exif: bool) -> np.ndarray:
    import numpy as np
    from PIL import ImageOps

    alpha = file.mode in _WITH_ALPHA or "transparency" in file.info
    mode = _MODES.get(in_chans)
    if mode is None or (in_chans in (2, 4) and not alpha):
        gray = file.mode in ("1", "L", "LA", "La", "I", "F")
        raise channels_error(path, (1 if gray else 3) + alpha, in_chans)
    if in_chans == 2 and file.mode not in ("LA", "La"):
        raise channels_error(path, 3 + alpha, in_chans)
    if exif:
        ImageOps.exif_transpose(file, in_place=True)  # otherwise it copies images that are upright
    array = np.array(file if file.mode == mode else file.convert(mode))
    return array if array.ndim == 3 else array[:, :, None]


def _decode_deep(path: str | os.PathLike[str], file: PillowImage) -> tuple[np.ndarray, bool]:
    import cv2
    import numpy as np

    if not file.mode.startswith(("RGB", "LA")):  # gray, which Pillow reads exactly
        values = np.array(file)
        tags = getattr(file, "tag_v2", {})
        signed = file.mode == "I" and 2 in tuple(tags.get(339, ())) and 16 in tuple(tags.get(258, ()))
        return (values.astype(np.int16) if signed else values)[:, :, None], False
    array = cv2.imdecode(np.frombuffer(Path(path).read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    if array is None or array.ndim != 3 or array.dtype != np.uint16 or array.shape[:2] != (file.height, file.width):
        raise ValueError("its 16-bit colors cannot be read")
    if file.mode == "LA":
        return np.ascontiguousarray(array[:, :, [0, 3]]), False
    order = [2, 1, 0, 3][: array.shape[2]]  # OpenCV's is BGR
    return np.ascontiguousarray(array[:, :, order]), True


def _to_supported(path: str | os.PathLike[str], image: np.ndarray) -> np.ndarray:
    """Return the image as uint8, int16 or float32, whichever holds its values exactly."""
    import numpy as np

    if image.dtype in (np.uint8, np.int16):
        return image
    if image.dtype.kind in "iu" and image.dtype.itemsize > 2 and np.abs(image).max(initial=0) > _EXACT_FLOAT:
        raise PixelFormatError(
            f"{os.fspath(path)} has {image.dtype} values above {_EXACT_FLOAT}, which float32 cannot hold",
            fix="scale them, and save the file as float32",
        )
    if image.dtype == bool:
        return image.astype(np.uint8) * np.uint8(255)
    values = image.astype(np.float32)
    if image.dtype.kind == "f" and not np.isfinite(values).all():
        raise PixelFormatError(
            f"{os.fspath(path)} has pixels that are not finite", fix="replace NaN and infinite values in the file"
        )
    return values


def _needs_tifffile(file: PillowImage) -> bool:
    tags = getattr(file, "tag_v2", {})
    bits = tuple(tags.get(258, (1,)))
    deep_colors = max(bits) > 8 and len(bits) > 1
    extra_bands = len(bits) > len(file.getbands())
    return bool(getattr(file, "n_frames", 1) > 1 or deep_colors or extra_bands)


def _raw_mode(file: PillowImage) -> str:
    tile = getattr(file, "tile", None)
    args = tile[0][3] if tile else ""
    return str(args[0] if isinstance(args, tuple) else args)


@contextmanager
def _without_pillows_limit() -> Iterator[None]:
    """Lift Pillow's limit of pixels: a global, which others in the process may rely on."""
    from PIL import Image

    with _PILLOW_LIMIT:
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before
