"""NIfTI files (https://nifti.nimh.nih.gov): read with affine, spacing and orientation, written with the source's."""

from __future__ import annotations

import gzip
import os
from collections.abc import Collection
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.spatialimages import HeaderDataError

from hub.files import write_atomic
from hub_medical.errors import NotThreeDimensionalError, UnknownLabelError, VolumeError
from hub_medical.volumes.volume import Grid, Volume, check_finite

SUFFIXES = (".nii.gz", ".nii")


def nifti_stem(path: str | os.PathLike[str]) -> str:
    """The file's name without ``.nii`` or ``.nii.gz``.

    >>> nifti_stem("imagesTr/case_01.nii.gz")
    'case_01'
    """
    name = Path(path).name
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix)
    return name


def read_grid(path: str | os.PathLike[str]) -> Grid:
    """Shape and affine from the header, without the voxels.

    Raises:
        NotThreeDimensionalError, VolumeError: see `read_nifti`.
    """
    return _grid(_open(path), path)


def read_nifti(path: str | os.PathLike[str]) -> Volume:
    """Read intensities.

    Returns:
        A volume of float32, the header's slope and intercept applied, in the axes of the file.

    Raises:
        VolumeError: the file is missing, damaged or no NIfTI, or its affine places nothing in space.
        NotThreeDimensionalError: it has a fourth axis of more than one entry, or only a plane.
        NonFiniteVoxelsError: a voxel is NaN or infinite.
    """
    return check_finite(_volume(path, np.float32))


def read_labels(path: str | os.PathLike[str], values: Collection[int] | None = None) -> Volume:
    """Read labels: whole numbers, however they are stored.

    Args:
        path: of the file.
        values: that may occur; None allows all from 0 to 65535.

    Returns:
        A volume of uint8, or uint16 where a value is above 255.

    Raises:
        UnknownLabelError: another value, or one that is not whole.
        VolumeError, NotThreeDimensionalError, NonFiniteVoxelsError: as `read_nifti`.
    """
    volume = check_finite(_volume(path, np.float32))
    found = np.unique(volume.array)
    allowed = range(65536) if values is None else values
    unknown = [v for v in found.tolist() if v != int(v) or int(v) not in allowed]
    if unknown:
        known = "" if values is None else f"; known are {', '.join(map(str, sorted(values)))}"
        raise UnknownLabelError(
            f"{path}: {len(unknown)} label values have no name, the first is {unknown[0]:g}{known}",
            fix="name it among the labels, or mend the file",
        )
    return volume.with_array(volume.array.astype(np.uint8 if found.max(initial=0) < 256 else np.uint16))


def write_nifti(path: str | os.PathLike[str], volume: Volume) -> Path:
    """Write a volume with its affine as both qform and sform, in millimetres; all or nothing.

    A sheared affine goes into the sform alone, as a qform cannot hold it. The header carries no free text.

    Raises:
        SaveError: the file cannot be written.
        VolumeError: the name has another ending than ``.nii`` or ``.nii.gz``.
    """
    path = Path(path)
    if not path.name.endswith(SUFFIXES):
        raise VolumeError(f"{path}: NIfTI files end in .nii or .nii.gz", fix="choose another name")
    image = nib.Nifti1Image(volume.array, np.asarray(volume.affine))
    image.set_sform(volume.affine, 1)
    try:
        image.set_qform(volume.affine, 1, strip_shears=False)
    except HeaderDataError:
        image.set_qform(None, 0)
    image.header.set_xyzt_units("mm")
    data = image.to_bytes()
    # A time stamp would make two files of the same voxels differ.
    packed = gzip.compress(data, compresslevel=6, mtime=0) if path.suffix == ".gz" else data
    return write_atomic(path, lambda temporary: temporary.write_bytes(packed))


def _open(path: str | os.PathLike[str]) -> nib.Nifti1Pair:
    try:
        image = nib.load(path)
    except FileNotFoundError:
        raise VolumeError(f"{path} does not exist", fix="check the data root and the file names") from None
    except Exception as error:  # nibabel raises ImageFileError, HeaderDataError, OSError, EOFError, zlib.error, …
        raise VolumeError(f"{path} cannot be read as NIfTI: {error}", fix="replace the file") from None
    if not isinstance(image, nib.Nifti1Pair):  # of which Nifti1Image is a kind
        raise VolumeError(f"{path} is {type(image).__name__}, not NIfTI", fix="convert it to .nii.gz")
    return image


def _grid(image: nib.Nifti1Pair, path: str | os.PathLike[str]) -> Grid:
    shape = image.shape
    while len(shape) > 3 and shape[-1] == 1:  # a single time point is a volume
        shape = shape[:-1]
    if len(shape) != 3:
        raise NotThreeDimensionalError(
            f"{path} has shape {image.shape}: a volume has three axes",
            fix="split time points or channels into files of their own, as nnU-Net does with _0000, _0001, …",
        )
    try:
        return Grid(shape, image.affine)
    except VolumeError as error:
        raise VolumeError(f"{path}: {error}") from None


def _volume(path: str | os.PathLike[str], dtype: type[np.float32]) -> Volume:
    image = _open(path)
    grid = _grid(image, path)
    try:
        array = image.get_fdata(dtype=dtype, caching="unchanged").reshape(grid.shape)
    except Exception as error:  # a truncated file shows itself only here
        raise VolumeError(f"{path} cannot be decoded: {error}", fix="replace the file") from None
    return Volume(array, grid, str(path))
