"""Parts of volumes as the hub's datasets: for networks that see slices in three dimensions."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from hub import LabelSpace, Metric
from hub.contract import IGNORE
from hub.data import Sample
from hub.errors import OptionError
from hub.evaluation import target_labels
from hub_medical.segmentation.datasets import Msd, NiftiFolder, VolumeDataset
from hub_medical.segmentation.options import NiftiPatchesOptions, PatchOptions
from hub_medical.segmentation.patch_metric import PatchVolumeMetric
from hub_medical.segmentation.truth import MAP
from hub_medical.volumes.slicing import patch_start


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
        """For heads of this map: patches are put together, and volumes are scored."""
        if labels_from != MAP:
            return None
        target_labels(self, MAP)
        return PatchVolumeMetric(self.truth, self.places, labels)

    def _step(self) -> int:
        return self.options.step

    def _foreground(self, number: int) -> np.ndarray:
        """(patches,) bool: those with foreground in the slices of their step."""
        shown = super()._foreground(number)
        return np.logical_or.reduceat(shown, self.truth.image_slices(number))


class NiftiPatches(PatchDataset, NiftiFolder):
    """Patches of NIfTI volumes in one folder, their labels in another under equal names."""

    Options: ClassVar[type[NiftiPatchesOptions]] = NiftiPatchesOptions


class MsdPatches(PatchDataset, Msd):
    """Patches of a folder of the Medical Segmentation Decathlon or of nnU-Net."""
