"""Single images of studies, such as radiographs, as the channels of the hub's images."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from hub.errors import ImageError, OptionError
from hub.image_size import image_size
from hub.images import SUFFIXES, read_image
from hub_medical.errors import VolumeError
from hub_medical.io.dicom import image_header, read_picture
from hub_medical.io.dicom_pixels import read_intensities, single_image
from hub_medical.io.dicom_scan import is_dicom
from hub_medical.io.images import read_planes
from hub_medical.volumes.intensity import PIXELS, IntensityRule, ZScoreRule, window_rule

Intensity = Literal["as-shown", "z-score"] | tuple[str, ...]
_DEEP = ("I", "F")  # beginnings of Pillow's modes with more than 8 bits a channel


def intensity_rule(intensity: Intensity) -> IntensityRule | None:
    """The rule that an option names; None for "as-shown".

    >>> intensity_rule(("lung", "32768/65536")).channels
    2

    Raises:
        OptionError: no such window.
    """
    if intensity == "as-shown":
        return None
    return ZScoreRule() if intensity == "z-score" else window_rule(intensity)


def picture_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Height and width in pixels from the file's header.

    Raises:
        ImageError: the file is missing or no image.
        DicomError: it is DICOM without an image.
    """
    if not _is_dicom(path):
        return image_size(path)
    header = image_header(path)
    return header.rows, header.columns


def read_channels(path: str | os.PathLike[str], rule: IntensityRule | None, *, in_chans: int = 3) -> np.ndarray:
    """Read one image.

    Args:
        path: PNG, JPEG, TIFF or another picture of 8 or 16 bits per channel, or DICOM with one frame.
        rule: from the numbers of a gray image to its channels: those of the file, or with the modality's slope and
            intercept applied for DICOM, of which MONOCHROME1 is inverted afterwards. None keeps images as they
            are: pictures of 8 bits unchanged, DICOM by its own LUT or window.
        in_chans: one channel is repeated as often as it takes; others must be as many as the rule has.

    Returns:
        (H, W, in_chans) uint8 without a rule, otherwise int16 in the format `hub_medical.volumes.intensity.PIXELS`.

    Raises:
        OptionError: another number of channels, or more than 8 bits without a rule.
        ImageError: the file is missing, damaged, or in color where a rule needs intensities.
    """
    if rule is None and not _is_dicom(path):
        if _is_deep(path):
            raise OptionError(
                f"{path} has more than 8 bits per channel, and no intensity rule",
                fix="write intensity: z-score, or a window of its numbers as center/width, such as ['2048/4096']",
            )
        return read_image(path, in_chans=in_chans)
    if rule is None:
        planes = np.rint(read_picture(path).clip(0, 1) * 255).astype(np.uint8)[None]
    else:
        values, inverted = _dicom(path) if _is_dicom(path) else (_stored(path), False)
        planes = rule.pixels(values)
        planes = int(PIXELS.span) - planes if inverted else planes
    if len(planes) not in (1, in_chans):
        raise OptionError(
            f"in_chans is {in_chans}, but there are {len(planes)} windows", fix=f"set in_chans to {len(planes)}"
        )
    return np.ascontiguousarray(np.broadcast_to(planes.transpose(1, 2, 0), (*planes.shape[1:], in_chans)))


def _stored(path: str | os.PathLike[str]) -> np.ndarray:
    planes = read_planes(path)
    if len(planes) > 1:
        raise VolumeError(f"{path} has {len(planes)} pages, not one", fix="read it as a study of slices")
    plane: np.ndarray = planes[0]
    return plane


def _dicom(path: str | os.PathLike[str]) -> tuple[np.ndarray, bool]:
    """Intensities (H, W) float32, and whether low ones are shown bright."""
    header = image_header(path)
    values = read_intensities(single_image(Path(path), header), header)[0]
    return values, header.photometric == "MONOCHROME1"


def _is_dicom(path: str | os.PathLike[str]) -> bool:
    file = Path(path)
    return file.is_file() and file.suffix.lower() not in SUFFIXES and is_dicom(file)


def _is_deep(path: str | os.PathLike[str]) -> bool:
    try:
        with Image.open(path) as file:
            return file.mode.startswith(_DEEP)
    except FileNotFoundError:
        raise ImageError(f"image {path} does not exist", fix="check the data root and the file names") from None
    except Exception as error:  # Pillow raises many kinds
        raise ImageError(f"image {path} cannot be read: {error}", fix="replace or remove the file") from None
