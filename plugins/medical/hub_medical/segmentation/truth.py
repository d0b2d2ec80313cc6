"""The reference labels of a set of volumes: what a dataset and its metric share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from hub import LabelSpace
from hub.contract import IGNORE
from hub.errors import AnnotationError
from hub_medical.io.folders import Case, Folder
from hub_medical.io.volume_files import read_labels
from hub_medical.reports.overlay import draw_labels, stretched, worst_slice
from hub_medical.volumes.resample import canonical_grid, to_canonical
from hub_medical.volumes.slicing import AXES, Plane, plane_shape, take_planes
from hub_medical.volumes.volume import Grid, Volume

MAP = "semantic"


@dataclass(frozen=True, eq=False)
class VolumeTruth:
    """The cases of one side of a split with their labels, and the images that are cut from them.

    Attributes:
        name: of the dataset, for messages.
        title: of reports; it contains no path.
        folder: the dataset's folder, with label names and the value to ignore.
        cases: of this side of the split.
        grids: of the file of each case.
        split: "train", "val" or "all".
        plane: of the slices.
        spacing: in mm along R, A and S that volumes are resampled to, or None for that of the file.
        tolerance: of NSD in mm, for all structures or by name, or None.
        step: slices from one image to the next.
        images: case → (C, N, H, W), its slices as the network reads them; for pictures.
    """

    name: str
    title: str
    folder: Folder
    cases: Sequence[Case]
    grids: Sequence[Grid]
    split: str
    plane: Plane
    spacing: tuple[float, float, float] | None
    tolerance: float | Mapping[str, float] | None
    images: Callable[[int], np.ndarray] = field(repr=False)
    step: int = 1

    @property
    def labels(self) -> LabelSpace:
        """The classes with their values in the files, the background among them."""
        return self.folder.names

    @cached_property
    def shapes(self) -> list[tuple[int, int, int]]:
        """Of each case the shape in RAS+ at the spacing."""
        return [canonical_grid(grid, self.spacing).shape for grid in self.grids]

    def slice_count(self, case: int) -> int:
        """Number of slices of a case."""
        return self.shapes[case][AXES[self.plane]]

    def slice_shape(self, case: int) -> tuple[int, int]:
        """Height and width of its slices."""
        return plane_shape(self.shapes[case], self.plane)

    def image_slices(self, case: int) -> Sequence[int]:
        """The slices of a case at which an image starts."""
        return range(0, self.slice_count(case), self.step)

    def volume(self, case: int) -> Volume:
        """The labels on the grid of the file, with the values in the file.

        Raises:
            AnnotationError: the case has no labels, or a value has no name.
        """
        path = self.cases[case].labels
        if path is None:
            raise AnnotationError(f"{self.cases[case].images[0]} has no labels", fix="choose labeled data")
        ignored = () if self.folder.ignore is None else (self.folder.ignore,)
        return read_labels(path, {*self.folder.names.ids, *ignored})

    def planes(self, case: int) -> np.ndarray:
        """(N, H, W) uint8 indices into `labels`, 255 for voxels to ignore.

        Raises:
            AnnotationError: see `volume`.
        """
        labels = self.volume(case)
        table = np.full(65536, IGNORE, np.uint8)
        table[list(self.labels.ids)] = range(len(self.labels))
        canonical = to_canonical(labels.with_array(table[labels.array]), self.spacing, interpolation="nearest")
        return np.ascontiguousarray(take_planes(canonical.array, self.plane))

    def picture(self, case: int, predicted: np.ndarray) -> np.ndarray:
        """Draw prediction and reference on the slice in which they differ most.

        Args:
            case: its number.
            predicted: (N, H, W) indices into `labels`.

        Returns:
            (H, W, 3) uint8 RGB.
        """
        labels = self.planes(case)
        reference = np.where(labels == IGNORE, predicted, labels)
        worst = worst_slice(predicted, reference)
        image = stretched(self.images(case)[0])[worst]
        return draw_labels(image, predicted[worst], reference[worst], self.labels.names)
