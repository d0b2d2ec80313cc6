"""Files of volumes by their ending: NIfTI through nibabel, NRRD and MetaImage through SimpleITK."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hub_medical.errors import MissingDecoderError, NotThreeDimensionalError, UnknownLabelError, VolumeError
from hub_medical.io.nifti import SUFFIXES as NIFTI_SUFFIXES
from hub_medical.io.nifti import read_grid, read_nifti
from hub_medical.volumes.volume import Grid, Volume, check_finite

if TYPE_CHECKING:
    import SimpleITK

ITK_SUFFIXES = (".nrrd", ".nhdr", ".mha", ".mhd")
SUFFIXES = (*NIFTI_SUFFIXES, *ITK_SUFFIXES)
WHOLE = 1e-3  # how far a label may be from a whole number: headers with scale factors give 0.9999999
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def volume_stem(path: str | os.PathLike[str]) -> str:
    """The file's name without the ending of its format.

    >>> volume_stem("imagesTr/case_01.nii.gz"), volume_stem("case_02.nrrd")
    ('case_01', 'case_02')
    """
    name = Path(path).name
    for suffix in SUFFIXES:
        if name.endswith(suffix):
            return name.removesuffix(suffix)
    return name


def is_volume_file(path: Path) -> bool:
    """Whether a file has the ending of a volume and is not hidden."""
    return path.is_file() and path.name.endswith(SUFFIXES) and not path.name.startswith(".")


def read_volume_grid(path: str | os.PathLike[str], *, channel: int | None = None) -> Grid:
    """Shape and affine from the header, without the voxels.

    Args:
        path: of the file.
        channel: index along the fourth axis, of files that hold several channels.

    Raises:
        VolumeError, NotThreeDimensionalError: see `read_volume`.
    """
    if not str(path).endswith(ITK_SUFFIXES):
        return read_grid(path, channel=channel)
    reader = _reader(path)
    return _itk_grid(path, reader.GetSize(), _affine(reader))


def read_volume(path: str | os.PathLike[str], *, channel: int | None = None) -> Volume:
    """Read intensities as float32; see `hub_medical.io.nifti.read_nifti`.

    Args:
        path: of the file.
        channel: index along the fourth axis, of files that hold several channels.

    Raises:
        VolumeError: the file is missing, damaged, or its affine places nothing in space.
        NotThreeDimensionalError: it is not one volume.
        NonFiniteVoxelsError: a voxel is NaN or infinite.
        MissingDecoderError: NRRD and MetaImage need SimpleITK.
    """
    return read_nifti(path, channel=channel) if not str(path).endswith(ITK_SUFFIXES) else _read_itk(path)


def read_labels(path: str | os.PathLike[str], values: Collection[int] | None = None) -> Volume:
    """Read labels: whole numbers, however they are stored; scale factors may leave them up to `WHOLE` off.

    Args:
        path: of the file.
        values: that may occur; None allows all from 0 to 65535.

    Returns:
        A volume of uint8, or uint16 where a value is above 255.

    Raises:
        UnknownLabelError: another value, or one that is not whole.
        VolumeError, NotThreeDimensionalError, NonFiniteVoxelsError: as `read_volume`.
    """
    volume = read_volume(path)
    whole = np.rint(volume.array)
    found = np.unique(whole)
    allowed = range(65536) if values is None else values
    unknown = [v for v in found.tolist() if int(v) not in allowed]
    fractional = volume.array[np.abs(volume.array - whole) > WHOLE]
    if fractional.size:
        unknown.insert(0, float(fractional[0]))
    if unknown:
        known = "" if values is None else f"; known are {', '.join(map(str, sorted(values)))}"
        raise UnknownLabelError(
            f"{path}: {len(unknown)} label values have no name, the first is {unknown[0]:g}{known}",
            fix="name it among the labels, or correct the file",
        )
    return volume.with_array(whole.astype(np.uint8 if found.max(initial=0) < 256 else np.uint16))


def _read_itk(path: str | os.PathLike[str]) -> Volume:
    import SimpleITK

    reader = _reader(path)
    grid = _itk_grid(path, reader.GetSize(), _affine(reader))
    if reader.GetNumberOfComponents() != 1 or "complex" in SimpleITK.GetPixelIDValueAsString(reader.GetPixelID()):
        raise VolumeError(
            f"{path} has {reader.GetNumberOfComponents()} values per voxel, or complex ones",
            fix="save each channel, or the magnitude, in a file of its own",
        )
    try:
        voxels = SimpleITK.GetArrayFromImage(reader.Execute())  # (k, j, i)
    except RuntimeError:
        raise VolumeError(f"{path} cannot be decoded", fix="replace the file") from None
    return check_finite(Volume(np.ascontiguousarray(voxels.T, np.float32), grid, str(path)))


def _reader(path: str | os.PathLike[str]) -> SimpleITK.ImageFileReader:
    if not Path(path).is_file():
        raise VolumeError(f"{path} does not exist", fix="check the data root and the file names")
    try:
        import SimpleITK
    except ImportError:
        raise MissingDecoderError(
            f"{path} needs SimpleITK", fix="pip install 'backbone-hub-medical[itk]', or convert it to .nii.gz"
        ) from None
    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError:
        raise VolumeError(f"{path} cannot be read as NRRD or MetaImage", fix="replace the file") from None
    return reader


def _affine(reader: SimpleITK.ImageFileReader) -> np.ndarray:
    """(n + 1, n + 1) from voxel indices to mm in LPS."""
    count = reader.GetDimension()
    affine = np.eye(count + 1)
    affine[:count, :count] = np.array(reader.GetDirection()).reshape(count, count) * np.array(reader.GetSpacing())
    affine[:count, count] = reader.GetOrigin()
    return affine


def _itk_grid(path: str | os.PathLike[str], shape: tuple[int, ...], affine: np.ndarray) -> Grid:
    if len(shape) != 3:
        raise NotThreeDimensionalError(
            f"{path} has shape {shape}: a volume has three axes", fix="split channels or time points into files"
        )
    try:
        return Grid((shape[0], shape[1], shape[2]), _LPS_TO_RAS @ affine)
    except VolumeError as error:
        raise VolumeError(f"{path}: {error}") from None
