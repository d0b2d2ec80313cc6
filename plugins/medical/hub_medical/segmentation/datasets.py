"""Volumes as the hub's datasets: every slice is an image, its neighbors are channels, its labels a map."""

from __future__ import annotations

import json
import logging
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from hub import LabelSpace, Metric
from hub.contract import IGNORE
from hub.data import Dataset, Sample
from hub.errors import DataError
from hub.evaluation import target_labels
from hub_medical.io.folders import Case, Folder, open_folder, open_msd
from hub_medical.io.volume_files import read_labels, read_volume_grid
from hub_medical.segmentation.options import NiftiFolderOptions, VolumeOptions
from hub_medical.segmentation.predictor import check_mirror
from hub_medical.segmentation.truth import MAP, VolumeTruth
from hub_medical.segmentation.volume_metric import VolumeMetric, check_tolerance
from hub_medical.splits import split_cases
from hub_medical.volumes.intensity import (
    PIXELS,
    CtRule,
    IntensityRule,
    ZScoreRule,
    fit_ct_rule,
    looks_like_ct,
    window_rule,
)
from hub_medical.volumes.prepare import prepare_case, slab
from hub_medical.volumes.slicing import take_planes
from hub_medical.volumes.volume import Grid, check_grids

logger = logging.getLogger("hub")


class VolumeDataset(Dataset):
    """The slices of volumes, in RAS+ and as radiologists look at them; base of the formats.

    An image has C · (2k + 1) channels: C from the files and windows, and k neighbors on either side, as
    ``in_chans`` asks. The map "semantic" holds the labels of the slice in the middle, the background among them.
    An image's id is ``case/slice``, with ``#n`` where foreground slices are repeated.

    Attributes:
        cases: of this side of the split.
        rules: how intensities become pixels, one for each file of a case.
        slices: (len, 2) int64, the case and the slice of every image.

    Raises:
        GridMismatchError: labels of another shape or affine than their image.
        PatientOverlapError: a patient on both sides of a split that a file gives.
        VolumeError, AnnotationError, DataError: what can be wrong with the files.
    """

    Options: ClassVar[type[VolumeOptions]] = VolumeOptions

    def __init__(self, options: VolumeOptions, folder: Folder) -> None:
        self.options = options
        self.folder = folder
        sides = split_cases(
            folder.cases,
            split=options.split,
            folds=options.folds,
            fold=options.fold,
            seed=options.seed,
            file=None if options.splits is None else Path(options.root).expanduser() / options.splits,
        )
        self.cases: list[Case] = sides[options.split]
        self.name = f"{folder.name} ({options.split})"
        labeled = all(case.labels is not None for case in self.cases)
        self.label_spaces = {MAP: folder.names} if labeled else {}
        self.provides = frozenset(self.label_spaces)
        check_mirror(options.plane, options.mirror)
        check_tolerance(options.tolerance, folder.structures, name=folder.name)
        self.rules = self._rules(sides["train"])
        self.pixels = PIXELS
        self.reader = _plain(
            name="volume",
            rules=[rule.to_dict() for rule in self.rules],
            plane=options.plane,
            spacing=options.spacing,
            mirror=options.mirror,
        )
        self.truth = VolumeTruth(
            name=self.name,
            title=f"{Path(options.root).expanduser().resolve().name}, {options.split}",
            folder=folder,
            cases=self.cases,
            grids=[_checked_grid(case) for case in self.cases],
            split=options.split,
            plane=options.plane,
            spacing=options.spacing,
            tolerance=options.tolerance,
            images=self.image_planes,
            step=self._step(),
        )
        self.slices = np.array([(c, s) for c in range(len(self.cases)) for s in self.truth.image_slices(c)], np.int64)
        self._cache: OrderedDict[int, tuple[np.ndarray, np.ndarray | None]] = OrderedDict()
        if options.foreground and options.split == "train":
            self.slices = self._with_more_foreground(self.slices)
        self.sizes = np.array([self.truth.slice_shape(case) for case in self.slices[:, 0]], np.int64)
        self.ids = _ids([f"{self.cases[case].id}/{index:03}" for case, index in self.slices.tolist()])

    def load(self, index: int, needs: frozenset[str], *, in_chans: int = 3) -> Sample:
        """One slice with its neighbors; see `hub.data.Dataset.load`.

        Raises:
            OptionError: ``in_chans`` is no odd multiple of the channels.
            UnknownLabelError: a label value without a name.
            VolumeError: a file that cannot be read.
        """
        number, position = self.slices[index].tolist()
        planes, labels = self._planes(number, with_labels=MAP in needs)
        return Sample(
            image=slab(planes, position, in_chans),
            id=self.ids[index],
            path=self.cases[number].images[0],
            original_size=(int(planes.shape[2]), int(planes.shape[3])),
            maps={MAP: np.ascontiguousarray(labels[position])} if labels is not None and MAP in needs else {},
        )

    @property
    def places(self) -> dict[int | str, tuple[int, int]]:
        """Image id → its case and its slice, the first one of a patch."""
        return {id_: (case, slice_) for id_, (case, slice_) in zip(self.ids, self.slices.tolist(), strict=True)}

    def image_planes(self, case: int) -> np.ndarray:
        """(C, N, H, W), the slices of a case as the network reads them."""
        return self._planes(case, with_labels=False)[0]

    def _step(self) -> int:
        """Slices from one image to the next."""
        return 1

    def path(self, index: int) -> Path:
        """The first file of the case that the slice is of."""
        return self.cases[int(self.slices[index, 0])].images[0]

    def metric(self, labels_from: str | None, labels: LabelSpace) -> Metric | None:
        """Score volumes, not slices, for heads of this map; see `VolumeMetric`."""
        if labels_from != MAP:
            return None
        target_labels(self, MAP)
        return VolumeMetric(self.truth, self.places, labels)

    def _rules(self, training: Sequence[Case]) -> list[IntensityRule]:
        """One rule for every file of a case."""
        return [self._rule(channel, name, training) for channel, name in enumerate(self.folder.channels)]

    def _rule(self, channel: int, name: str, training: Sequence[Case]) -> IntensityRule:
        wanted = self.options.intensity
        if wanted is None:
            wanted = "ct" if name.casefold() == "ct" else "z-score"  # as nnU-Net does
            if wanted == "z-score":
                self._warn_of_ct(channel, name, training)
        if wanted == "z-score":
            return ZScoreRule()
        if wanted != "ct":
            return window_rule(wanted)
        if self.options.ct:
            return CtRule(*self.options.ct)
        if any(case.labels is None for case in training):
            raise DataError(
                f"{self.folder.name} has no labels to take the foreground's intensities from",
                fix="give ct: [low, high, mean, std] of the training data, or use a window",
            )
        logger.info("reading the intensities of %d training cases", len(training))
        return fit_ct_rule((case.read_image(channel).array, read_labels(case.labels or "").array) for case in training)

    def _warn_of_ct(self, channel: int, name: str, training: Sequence[Case]) -> None:
        if training and looks_like_ct(training[0].read_image(channel).array):
            logger.warning(
                "%s: the channel %r looks like CT in Hounsfield units, but each case is z-scored by its own mean; "
                "set intensity: ct, or windows such as intensity: [soft-tissue] (intensity: z-score keeps this)",
                self.folder.name,
                name,
            )

    def _planes(self, number: int, *, with_labels: bool) -> tuple[np.ndarray, np.ndarray | None]:
        """Images (C, N, H, W) int16 and labels (N, H, W) uint8 of a case; those of the last cases are cached."""
        planes, labels = self._cache.pop(number, (None, None))
        if planes is None:
            images = self.cases[number].read_images()
            prepared = prepare_case(images, self.rules, spacing=self.options.spacing)
            planes = np.stack([take_planes(channel, self.options.plane) for channel in prepared])
        if labels is None and with_labels:
            labels = self.truth.planes(number)
        self._cache[number] = (planes, labels)
        while len(self._cache) > 1 and self._used() > self.options.cache_mb * 2**20:
            self._cache.popitem(last=False)
        return planes, labels

    def _used(self) -> int:
        return sum(planes.nbytes + (0 if labels is None else labels.nbytes) for planes, labels in self._cache.values())

    def _with_more_foreground(self, slices: np.ndarray) -> np.ndarray:
        shown = np.concatenate([self._foreground(number) for number in range(len(self.cases))])
        some, none = int(shown.sum()), int((~shown).sum())
        if not some:
            raise DataError(f"{self.name} has no slice with foreground", fix="check labels, or set foreground: 0")
        share = self.options.foreground
        times = max(1, int(np.ceil(share / (1 - share) * none / some - 1e-9)))
        return np.repeat(slices, np.where(shown, times, 1), axis=0)

    def _foreground(self, number: int) -> np.ndarray:
        """(N,) bool: the slices with a label other than the background."""
        labels = self.truth.planes(number)
        return np.asarray(((labels > 0) & (labels != IGNORE)).any(axis=(1, 2)))


class NiftiFolder(VolumeDataset):
    """NIfTI volumes in one folder, their labels in another under equal names.

    >>> options = NiftiFolder.Options(root="/data/hippocampus", patient="(.+)", names=("background", "head", "tail"))
    >>> NiftiFolder(options).label_spaces["semantic"].names    # doctest: +SKIP
    ('background', 'head', 'tail')
    """

    Options: ClassVar[type[NiftiFolderOptions]] = NiftiFolderOptions

    def __init__(self, options: NiftiFolderOptions) -> None:
        root = Path(options.root).expanduser()
        super().__init__(
            options,
            open_folder(
                root, images=options.images, labels=options.labels, names=options.names, patient=options.patient
            ),
        )


class Msd(VolumeDataset):
    """A folder of the Medical Segmentation Decathlon or of nnU-Net, as its dataset.json describes it."""

    def __init__(self, options: VolumeOptions) -> None:
        super().__init__(options, open_msd(Path(options.root).expanduser(), patient=options.patient))


def _checked_grid(case: Case) -> Grid:
    """Of the first image, if the other files of the case share it."""
    grid = case.read_grid(0)
    for channel in range(1, len(case.images)):
        check_grids(case.read_grid(channel), grid, labels=str(case.images[channel]), image=str(case.images[0]))
    if case.labels is not None:
        check_grids(read_volume_grid(case.labels), grid, labels=str(case.labels), image=str(case.images[0]))
    return grid


def _plain(**values: Any) -> dict[str, Any]:
    """As JSON has it, so that what a checkpoint gives back is equal."""
    return dict(json.loads(json.dumps(values)))


def _ids(names: Sequence[str]) -> list[int | str]:
    seen: dict[str, int] = {}
    ids: list[int | str] = []
    for name in names:
        again = seen[name] = seen.get(name, -1) + 1
        ids.append(f"{name}#{again}" if again else name)
    return ids
