"""Gray pictures of 8 or 16 bits: PNG and TIFF, single planes or stacks of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageSequence

from hub_medical.errors import GridMismatchError, VolumeError
from hub_medical.volumes.volume import Volume, check_finite

_GRAY = {"1": np.uint8, "L": np.uint8, "I;16": np.uint16, "I;16B": np.uint16, "I": np.int32, "F": np.float32}


def read_planes(path: str | os.PathLike[str]) -> np.ndarray:
    """Every page of a gray PNG or TIFF as it is stored, nothing rescaled.

    Returns:
        (N, H, W) uint8, uint16, int32 or float32; N is 1 for all but multi-page TIFF.

    Raises:
        VolumeError: the file is missing, damaged, in color, or its pages differ in size.
    """
    try:
        with Image.open(path) as file:
            if file.mode not in _GRAY:
                raise VolumeError(f"{path} has {file.mode} pixels, not gray ones", fix="save it in one channel")
            dtype = _GRAY[file.mode]
            pages = [np.array(page).astype(dtype) for page in ImageSequence.Iterator(file)]
    except VolumeError:
        raise
    except FileNotFoundError:
        raise VolumeError(f"{path} does not exist", fix="check the data root and the file names") from None
    except Exception as error:  # Pillow raises many kinds
        raise VolumeError(f"{path} cannot be decoded: {error}", fix="replace the file") from None
    if len({page.shape for page in pages}) > 1:
        raise VolumeError(f"{path}: its pages differ in size", fix="save each in a file of its own")
    return np.stack(pages)


def read_stack(files: Sequence[str | os.PathLike[str]], *, spacing: Sequence[float], name: str | None = None) -> Volume:
    """A volume from planes, in the order given.

    Args:
        files: one multi-page TIFF, or one file a plane.
        spacing: millimeters along a row, down a column, and from plane to plane: such files do not store it.
        name: for messages.

    Returns:
        A volume whose k runs from plane to plane; rows run to the patient's left, columns to the back, as in axial
        pictures. The files do not store this either.

    Raises:
        VolumeError: no file, one that cannot be read, or NaN.
        GridMismatchError: planes of different size.
    """
    if not files:
        raise VolumeError("no plane to make a volume of", fix="check the folder")
    planes = [read_planes(file) for file in files]
    if len({p.shape[1:] for p in planes}) > 1:
        raise GridMismatchError(f"the planes from {files[0]} on differ in size", fix="give planes of one study")
    array = np.concatenate(planes).transpose(2, 1, 0)
    affine = np.diag([-float(spacing[0]), -float(spacing[1]), float(spacing[2]), 1.0])
    return check_finite(Volume.of(array, affine, name=name or str(Path(files[0]))))
