"""Parts of volumes as the hub's datasets: for networks that see slices in three dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from hub import LabelSpace, Metric
from hub.contract import IGNORE
from hub.data import Sample
from hub.errors import OptionError
from hub_medical.io.nifti import read_grid
from hub_medical.segmentation.datasets import (
    MAP,
    Msd,
    NiftiFolder,
    NiftiFolderOptions,
    VolumeDataset,
    VolumeOptions,
)
from hub_medical.segmentation.patch_metric import PatchVolumeMetric
from hub_medical.volumes.resample import canonical_grid
from hub_medical.volumes.slicing import AXES


class PatchOptions(VolumeOptions):
    """Options of the formats of patches: these, and those of `VolumeOptions`.

    Attributes:
        step: slices from one patch to the next. ``in_chans`` says how deep a patch is; where it is deeper than a step,
            patches overlap.
    """

    step: Annotated[int, Field(ge=1)] = 8


class PatchDataset(VolumeDataset):
    """Every ``step`` slices a patch, with as many slices on either side as ``in_chans`` asks for.

    An image's channels are the slices of a patch, one after the other, the channels of each together, and its map
    "semantic" is (D, H, W). Height and width are the volume's: crops are for the transforms. Beyond an end of the
    volume its last slice repeats, with labels to ignore. Its id is ``case/slice``, the first of the step.
    """

    Options: ClassVar[type[PatchOptions]] = PatchOptions
    options: PatchOptions

    def load(self, index: int, needs: frozenset[str], *, in_chans: int = 3) -> Sample:
        """One patch; see `hub.data.Dataset.load`.

        Raises:
            OptionError: ``in_chans`` is no multiple of the channels.
            VolumeError, UnknownLabelError: as `VolumeDataset.load`.
        """
        number, place = self.slices[index].tolist()
        planes, labels = self._planes(number, with_labels=MAP in needs)
        channels, count, height, width = planes.shape
        depth, rest = divmod(in_chans, channels)
        if rest or not depth:
            raise OptionError(
                f"in_chans is {in_chans}, for patches whose slices have {channels} channels",
                fix=f"use {channels} times the slices of a patch, such as {16 * channels} for 16 of them",
            )
        wanted = np.arange(depth) + patch_start(place, self.options.step, depth)
        inside = wanted.clip(0, count - 1)
        maps = {}
        if labels is not None and MAP in needs:
            known = labels[inside]  # a copy
            known[wanted != inside] = IGNORE
            maps[MAP] = known
        image = planes[:, inside].transpose(2, 3, 1, 0).reshape(height, width, in_chans)
        return Sample(
            image=np.ascontiguousarray(image),
            id=self.ids[index],
            path=self.cases[number].images[0],
            original_size=(height, width),
            maps=maps,
        )

    def metric(self, labels_from: str | None, labels: LabelSpace) -> Metric | None:
        """For heads of this map: put the patches together and score volumes."""
        return PatchVolumeMetric(self, labels) if labels_from == MAP else None

    def slices_of(self, number: int) -> int:
        """How many slices case ``number`` has."""
        grid = canonical_grid(read_grid(self.cases[number].images[0]), self.options.spacing)
        return grid.shape[AXES[self.options.plane]]

    def _places(self, count: int) -> Sequence[int]:
        return range(0, count, self.options.step)

    def _foreground(self, number: int) -> np.ndarray:
        """(patches,) bool: those with foreground in the slices of their step."""
        shown = super()._foreground(number)
        return np.logical_or.reduceat(shown, self._places(len(shown)))


class NiftiPatchesOptions(NiftiFolderOptions, PatchOptions):
    """Options of `NiftiPatches`: those of `NiftiFolderOptions` and `PatchOptions`."""


class NiftiPatches(PatchDataset, NiftiFolder):
    """Patches of NIfTI volumes in one folder, their labels in another under equal names."""

    Options: ClassVar[type[NiftiPatchesOptions]] = NiftiPatchesOptions


class MsdPatches(PatchDataset, Msd):
    """Patches of a folder of the Medical Segmentation Decathlon or of nnU-Net."""


def patch_start(place: int, step: int, depth: int) -> int:
    """The first slice of a patch of this depth around the ``step`` slices from ``place`` on; may lie before the volume.

    >>> patch_start(8, step=8, depth=16), patch_start(8, step=8, depth=8)
    (4, 8)
    """
    return place - (depth - step) // 2
