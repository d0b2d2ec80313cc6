"""NIfTI files (https://nifti.nimh.nih.gov): read with affine, spacing and orientation, written with the source's."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.spatialimages import HeaderDataError

from hub.files import write_atomic
from hub_medical.errors import NotThreeDimensionalError, VolumeError
from hub_medical.volumes.volume import Grid, Volume, check_finite

SUFFIXES = (".nii.gz", ".nii")


def read_grid(path: str | os.PathLike[str], *, channel: int | None = None) -> Grid:
    """Shape and affine from the header, without the voxels.

    Raises:
        NotThreeDimensionalError, VolumeError: see `read_nifti`.
    """
    return _grid(_open(path), path, channel)


def read_nifti(path: str | os.PathLike[str], *, channel: int | None = None) -> Volume:
    """Read intensities.

    Args:
        path: of the file.
        channel: index along the fourth axis, of files that hold several channels; None for files of one volume.

    Returns:
        A volume of float32, the header's slope and intercept applied, in the axes of the file.

    Raises:
        VolumeError: the file is missing, damaged or not NIfTI, has no affine, or its voxels are no real numbers.
        NotThreeDimensionalError: it has a fourth axis without ``channel``, or only a plane.
        NonFiniteVoxelsError: a voxel is NaN or infinite.
    """
    image = _open(path)
    grid = _grid(image, path, channel)
    try:
        if channel is None:
            array = image.get_fdata(dtype=np.float32, caching="unchanged").reshape(grid.shape)
        else:
            array = np.asarray(image.dataobj[..., channel], np.float32)
    except Exception as error:  # a truncated file shows itself only here
        raise VolumeError(f"{path} cannot be decoded: {error}", fix="replace the file") from None
    return check_finite(Volume(array, grid, str(path)))


def write_nifti(path: str | os.PathLike[str], volume: Volume) -> Path:
    """Write a volume with its affine as both qform and sform, in millimeters; all or nothing.

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


def _grid(image: nib.Nifti1Pair, path: str | os.PathLike[str], channel: int | None) -> Grid:
    if image.get_data_dtype().kind not in "biuf":
        raise VolumeError(
            f"{path} has voxels of {image.get_data_dtype()}, not real numbers",
            fix="save the magnitude, or each channel, in a file of its own",
        )
    if not (image.header["qform_code"] or image.header["sform_code"]):
        raise VolumeError(
            f"{path} has no affine: neither its qform nor its sform is set, so left and right are unknown",
            fix="convert the original images again, for example with dcm2niix",
        )
    shape = image.shape
    while len(shape) > 3 and shape[-1] == 1 and channel is None:  # a single time point is a volume
        shape = shape[:-1]
    if channel is not None:
        if len(shape) != 4 or channel >= shape[3]:
            raise NotThreeDimensionalError(
                f"{path} has shape {image.shape}, and so no channel {channel}",
                fix="check the modalities in dataset.json",
            )
        shape = shape[:3]
    if len(shape) != 3:
        raise NotThreeDimensionalError(
            f"{path} has shape {image.shape}: a volume has three axes",
            fix="split time points or channels into files of their own, as nnU-Net does with _0000, _0001, …",
        )
    try:
        return Grid(shape, image.affine)
    except VolumeError as error:
        raise VolumeError(f"{path}: {error}") from None
