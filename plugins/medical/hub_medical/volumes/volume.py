"""Voxels and where they lie: an array with its affine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import nibabel as nib
import numpy as np

from hub_medical.errors import GridMismatchError, NonFiniteVoxelsError, NotThreeDimensionalError, VolumeError

TOLERANCE = 1e-3  # mm, between affines that mean the same place: headers store float32


@dataclass(frozen=True, eq=False)
class Grid:
    """The lattice of voxels of a volume.

    Attributes:
        shape: voxels along i, j, k.
        affine: (4, 4) float64, from voxel indices (i, j, k, 1) to millimeters in RAS+, NIfTI's world: x to the
            right, y to anterior, z to superior. Integer indices are the voxels' centers.

    >>> grid = Grid((4, 5, 6), np.diag([-2.0, 1.0, 3.0, 1.0]))
    >>> grid.spacing, grid.orientation
    ((2.0, 1.0, 3.0), 'LAS')

    Raises:
        NotThreeDimensionalError: the shape has not three axes.
        VolumeError: the affine is not finite, or squeezes the volume flat.
    """

    shape: tuple[int, int, int]
    affine: np.ndarray

    def __post_init__(self) -> None:
        if len(self.shape) != 3:
            raise NotThreeDimensionalError(
                f"a volume has three axes, not the {len(self.shape)} of shape {tuple(self.shape)}",
                fix="split channels or time points into files of their own",
            )
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        affine = np.array(self.affine, np.float64)
        if affine.shape != (4, 4) or not np.isfinite(affine).all() or abs(np.linalg.det(affine)) < 1e-12:
            raise VolumeError(
                f"the affine {affine.tolist()} places no volume in space",
                fix="correct the header: spacing and directions must be finite and not 0",
            )
        affine.flags.writeable = False
        object.__setattr__(self, "affine", affine)

    @cached_property
    def spacing(self) -> tuple[float, float, float]:
        """Distance between voxel centers along i, j, k in millimeters."""
        x, y, z = np.linalg.norm(self.affine[:3, :3], axis=0).round(6).tolist()
        return x, y, z

    @cached_property
    def orientation(self) -> str:
        """Where i, j and k go, as in nibabel: ``"RAS"`` is right, anterior, superior."""
        return "".join(nib.aff2axcodes(self.affine))

    @property
    def diagonal(self) -> float:
        """Length in millimeters of the box that holds all voxels: no distance inside is larger."""
        return float(np.linalg.norm(np.array(self.shape) * self.spacing))

    def matches(self, other: Grid, *, tolerance: float = TOLERANCE) -> bool:
        """Whether both have one shape and every corner within ``tolerance`` millimeters of the other's."""
        if self.shape != other.shape:
            return False
        corners = np.array(np.meshgrid(*[(0, n - 1) for n in self.shape], [1])).reshape(4, -1)
        return bool(np.abs((self.affine - other.affine) @ corners).max() <= tolerance)


@dataclass(frozen=True, eq=False)
class Volume:
    """Voxels on a grid.

    Attributes:
        array: (I, J, K) in the order of the file's axes, as nibabel has it; intensities or integer labels.
        grid: where they lie.
        name: for messages, usually the file.

    >>> volume = Volume.of(np.zeros((4, 5, 6)), np.diag([1.0, 1.0, 2.5, 1.0]))
    >>> volume.spacing
    (1.0, 1.0, 2.5)

    Raises:
        NotThreeDimensionalError, VolumeError: see `Grid`.
    """

    array: np.ndarray
    grid: Grid
    name: str = "a volume"

    def __post_init__(self) -> None:
        if self.array.shape != self.grid.shape:
            raise GridMismatchError(
                f"{self.name}: voxels of shape {self.array.shape} on a grid of shape {self.grid.shape}",
                fix="give the array the shape of its grid",
            )

    @classmethod
    def of(cls, array: np.ndarray, affine: np.ndarray, *, name: str = "a volume") -> Volume:
        """A volume from an array and its affine."""
        return cls(array, Grid(array.shape, affine), name)

    def with_array(self, array: np.ndarray) -> Volume:
        """Other voxels on the same grid."""
        return replace(self, array=array)

    @property
    def affine(self) -> np.ndarray:
        """See `Grid`."""
        return self.grid.affine

    @property
    def spacing(self) -> tuple[float, float, float]:
        """See `Grid`."""
        return self.grid.spacing

    @property
    def orientation(self) -> str:
        """See `Grid`."""
        return self.grid.orientation


def check_finite(volume: Volume) -> Volume:
    """The volume itself, if every voxel is a finite number.

    Raises:
        NonFiniteVoxelsError: it is not; the message counts and places them.
    """
    if np.issubdtype(volume.array.dtype, np.integer):
        return volume
    bad = ~np.isfinite(volume.array)
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        raise NonFiniteVoxelsError(
            f"{volume.name}: {int(bad.sum())} voxels are NaN or infinite, the first at {first}",
            fix="replace them in the file, for example by the value of air",
        )
    return volume


def check_same_grid(labels: Volume, image: Volume) -> None:
    """Refuse labels on another grid than their image.

    Raises:
        GridMismatchError: shape or affine differ.
    """
    check_grids(labels.grid, image.grid, labels=labels.name, image=image.name)


def check_grids(one: Grid, other: Grid, *, labels: str, image: str) -> None:
    """As `check_same_grid`, from the grids alone."""
    if one.shape != other.shape:
        raise GridMismatchError(
            f"{labels} has shape {one.shape}, but its image {image} has {other.shape}",
            fix="resample the labels onto the image's grid, or pair them with the right image",
        )
    if not one.matches(other):
        raise GridMismatchError(
            f"{labels} has another affine than its image {image}: affines {one.affine[:3].round(4).tolist()} "
            f"and {other.affine[:3].round(4).tolist()}",
            fix="resample the labels onto the image's grid, or pair them with the right image",
        )
