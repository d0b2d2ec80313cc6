"""Images in all supported forms: paths, encoded bytes, PIL images, arrays, tensors."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
from PIL.Image import Image as PILImage
from torch import Tensor

from hub.errors import ImageError, PixelFormatError
from hub.images import check_image, read_image
from hub.pixel_format import PixelFormat

ImageInput = str | os.PathLike[str] | bytes | np.ndarray | Tensor | PILImage
"""A path, the bytes of a file, an array (H, W, C), a tensor (C, H, W) or a PIL image."""

_PIL_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def is_one_image(given: object) -> bool:
    """Return whether this is one image rather than a list of images."""
    return isinstance(given, str | os.PathLike | bytes | np.ndarray | Tensor | PILImage)


def image_id(image: ImageInput, number: int) -> int | str:
    """Return the id of an image's result: its path, or its number if it has no path."""
    return str(Path(image)) if isinstance(image, str | os.PathLike) else number


def load_input(image: ImageInput, *, in_chans: int, pixels: PixelFormat) -> np.ndarray:
    """Return the pixels of an image, as `hub.images.read_image` returns those of a file.

    Args:
        image: a path; the bytes of an encoded file; a PIL image, which is turned upright and converted to the wanted
            channels; an array (H, W, C) in RGB or (H, W); or a tensor (C, H, W) or (H, W).
        in_chans: channels to return. A gray array or tensor is repeated for 3.
        pixels: the format that the pixels must have.

    Raises:
        ImageError: a file cannot be read, or the image has no pixels.
        PixelFormatError: the channels or the dtype differ; the message explains how to convert them.

    >>> load_input(np.zeros((4, 6), np.uint8), in_chans=3, pixels=PixelFormat()).shape
    (4, 6, 3)
    """
    if isinstance(image, bytes):
        return _from_bytes(image, in_chans, pixels)
    if isinstance(image, str | os.PathLike):
        _check_is_file(Path(image))
        return read_image(image, in_chans=in_chans, pixels=pixels)
    if isinstance(image, Tensor):
        if image.ndim not in (2, 3):
            raise PixelFormatError(
                f"a tensor of shape {tuple(image.shape)} is not an image", fix="give (C, H, W), one tensor per image"
            )
        array = image.detach().cpu().numpy()
        array = array if image.ndim == 2 else array.transpose(1, 2, 0)
    elif isinstance(image, np.ndarray):
        array = image
    elif isinstance(image, PILImage):
        array = _from_pil(image, in_chans)
    else:
        raise PixelFormatError(
            f"a {type(image).__name__} is not an image",
            fix="give a path, the bytes of a file, a PIL image, an (H, W, C) array or a (C, H, W) tensor",
        )
    return _checked(array, in_chans, pixels)


def _checked(array: np.ndarray, in_chans: int, pixels: PixelFormat) -> np.ndarray:
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim == 3 and array.shape[2] == 1 and in_chans == 3:
        array = np.repeat(array, 3, axis=2)
    if not array.size:
        raise ImageError(f"an image of shape {array.shape} has no pixels", fix="leave it out")
    if array.dtype.kind == "f" and pixels.dtype == "uint8":
        raise PixelFormatError(
            f"an image of dtype {array.dtype} is given, but the model takes uint8",
            fix="convert it, for values from 0 to 1 by (image * 255).round() as uint8",
        )
    if array.ndim == 3 and array.shape[2] != in_chans and array.shape[0] == in_chans:
        raise PixelFormatError(
            f"an array of shape {array.shape} looks like (C, H, W), but arrays are (H, W, C)",
            fix="transpose it, image.transpose(1, 2, 0), or give a tensor",
        )
    return check_image(np.ascontiguousarray(array), in_chans=in_chans, pixels=pixels)


def _check_is_file(path: Path) -> None:
    if path.is_dir():
        raise ImageError(f"{path} is a folder", fix="give its files, for example sorted(Path(folder).glob('*.jpg'))")
    if not path.exists() and any(sign in path.name for sign in "*?["):
        raise ImageError(f"{path} is a pattern", fix="give the files, for example sorted(Path().glob(pattern))")


def _from_pil(image: PILImage, in_chans: int) -> np.ndarray:
    from PIL import ImageOps

    upright = ImageOps.exif_transpose(image)
    if upright.mode in ("I", "F") or upright.mode.startswith("I;16"):
        return np.asarray(upright).astype(np.float32)
    return np.asarray(upright.convert(_PIL_MODES.get(in_chans, upright.mode)))


def _from_bytes(content: bytes, in_chans: int, pixels: PixelFormat) -> np.ndarray:
    """Decode encoded bytes through a temporary file, so that every format is read in the same way as a file."""
    with tempfile.NamedTemporaryFile(suffix=".image") as file:
        file.write(content)
        file.flush()
        try:
            return read_image(file.name, in_chans=in_chans, pixels=pixels)
        except ImageError as error:
            text = str(error).partition("\n")[0].replace(file.name, f"the {len(content)} bytes given")
            raise type(error)(text, fix=error.fix) from None
