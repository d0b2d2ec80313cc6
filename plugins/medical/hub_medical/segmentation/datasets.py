"""Volumes as the hub's datasets: every slice is an image, its neighbours are channels, its labels a map."""

from __future__ import annotations

import json
import logging
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from hub import LabelSpace, Metric, Options
from hub.contract import IGNORE
from hub.data import Dataset, Sample
from hub.errors import AnnotationError, DataError
from hub_medical.io.folders import Case, Folder, open_folder, open_msd
from hub_medical.io.nifti import read_grid, read_labels, read_nifti
from hub_medical.reports.overlay import draw_labels, stretched, worst_slice
from hub_medical.segmentation.predictor import Direction, check_mirror
from hub_medical.segmentation.volume_metric import VolumeMetric, check_tolerance
from hub_medical.splits import split_cases
from hub_medical.volumes.intensity import CtRule, IntensityRule, ZScoreRule, fit_ct_rule, window_rule
from hub_medical.volumes.prepare import prepare_case, slab
from hub_medical.volumes.resample import Millimetres, canonical_grid, to_canonical
from hub_medical.volumes.slicing import AXES, Plane, plane_shape, take_planes
from hub_medical.volumes.volume import Grid, Volume, check_grids

logger = logging.getLogger("hub")

MAP = "semantic"


class VolumeOptions(Options):
    """Options of every format of volumes.

    Attributes:
        root: folder of the dataset.
        patient: regular expression whose first group within a case's id is its patient; splits never divide one.
            There is no default, as nothing in the files tells: write ``(.+)`` where every case is a patient.
        split: "train" and "val" are the two sides of fold ``fold``; "all" is everything.
        folds: number of folds, by patient; with 4, a quarter is held out.
        fold: the one held out, from 0.
        seed: another one gives other folds.
        splits: a file below root in the form of nnU-Net's splits_final.json, instead of folds and seed.
        plane: of the slices.
        spacing: millimetres along right, front and head that volumes are resampled to; the file's own by default.
        intensity: "z-score" (each case by its own), "ct" (nnU-Net's rule), or a list of CT windows, one a channel,
            by name or as center/width.
        ct: 0.5 and 99.5 percentile, mean and deviation for "ct"; by default they are taken from the foreground
            of the training side, which reads it once.
        foreground: share of the training slices that shall show foreground; those are repeated as often as it takes.
        tolerance: of the surface distance in mm, for all structures or by name: how far apart two experts' surfaces
            may be. Without it there is no NSD.
        mirror: of prediction: directions along which answers for mirror images are averaged, of right, front and
            head; not that in which slices follow each other.
        cache_mb: memory in MiB, in each worker, for volumes once read.
    """

    root: str
    patient: str
    split: Literal["train", "val", "all"] = "all"
    folds: Annotated[int, Field(ge=2)] = 5
    fold: Annotated[int, Field(ge=0)] = 0
    seed: int = 0
    splits: str | None = None
    plane: Plane = "axial"
    spacing: tuple[Millimetres, Millimetres, Millimetres] | None = None
    intensity: Literal["z-score", "ct"] | tuple[str, ...] = "z-score"
    ct: tuple[float, float, float, float] | None = None
    foreground: Annotated[float, Field(ge=0, lt=1)] = 0.0
    tolerance: Millimetres | dict[str, Millimetres] | None = None
    mirror: tuple[Direction, ...] = ()
    cache_mb: Annotated[int, Field(ge=0)] = 512


class VolumeDataset(Dataset):
    """The slices of volumes, in RAS+ and as radiologists look at them; base of the formats.

    An image has C · (2k + 1) channels: C from the files and windows, and k neighbours on either side, as
    ``in_chans`` asks. The map "semantic" holds the labels of the slice in the middle, the background among them.
    An image's id is ``case/slice``, with ``#n`` where foreground slices are repeated.

    Attributes:
        cases: of this side of the split.
        rules: how intensities become uint8, one a file of a case.
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
        labelled = all(case.labels is not None for case in self.cases)
        self.label_spaces = {MAP: folder.names} if labelled else {}
        self.provides = frozenset(self.label_spaces)
        check_mirror(options.plane, options.mirror)
        check_tolerance(options.tolerance, folder.names, name=folder.name)
        self.rules = self._rules(sides["train"])
        self.reader = _plain(
            name="volume",
            rules=[rule.to_dict() for rule in self.rules],
            plane=options.plane,
            spacing=options.spacing,
            mirror=options.mirror,
        )
        grids = [self._checked_grid(case) for case in self.cases]
        shapes = [canonical_grid(grid, options.spacing).shape for grid in grids]
        axis = AXES[options.plane]
        self.slices = np.array([(c, s) for c, shape in enumerate(shapes) for s in self._places(shape[axis])], np.int64)
        self._cache: OrderedDict[int, tuple[np.ndarray, np.ndarray | None]] = OrderedDict()
        if options.foreground and options.split == "train":
            self.slices = self._with_more_foreground(self.slices)
        self.sizes = np.array([plane_shape(shapes[case], options.plane) for case in self.slices[:, 0]], np.int64)
        self.ids = _ids([f"{self.cases[case].id}/{index:03}" for case, index in self.slices.tolist()])

    def load(self, index: int, needs: frozenset[str], *, in_chans: int = 3) -> Sample:
        """One slice with its neighbours; see `hub.data.Dataset.load`.

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

    def _places(self, count: int) -> Sequence[int]:
        """Which of so many slices are images."""
        return range(count)

    def path(self, index: int) -> Path:
        """The first file of the case that the slice is of."""
        return self.cases[int(self.slices[index, 0])].images[0]

    def metric(self, labels_from: str | None, labels: LabelSpace) -> Metric | None:
        """Score volumes, not slices, for heads of this map; see `VolumeMetric`."""
        return VolumeMetric(self, labels) if labels_from == MAP else None

    def picture(self, number: int, found: np.ndarray) -> np.ndarray:
        """The slice of case ``number`` in which an answer and the labels differ most, with both drawn on it.

        Args:
            number: of the case.
            found: (N, H, W) indices into the labels, slices as this dataset has them.

        Returns:
            (H, W, 3) uint8 RGB.
        """
        planes, labels = self._planes(number, with_labels=True)
        assert labels is not None
        reference = np.where(labels == IGNORE, found, labels)
        worst = worst_slice(found, reference)
        image = stretched(planes[0])[worst]
        return draw_labels(image, found[worst], reference[worst], self.folder.names.names)

    def truth(self, number: int) -> Volume:
        """The labels of case ``number`` on the grid of its file, with the values that the file has.

        Raises:
            AnnotationError: the case has none, or a value without a name.
        """
        path = self.cases[number].labels
        if path is None:
            raise AnnotationError(f"{self.cases[number].images[0]} has no labels", fix="choose labelled data")
        return read_labels(path, self._values())

    def _values(self) -> set[int]:
        return {*self.folder.names.ids, *(() if self.folder.ignore is None else (self.folder.ignore,))}

    def _checked_grid(self, case: Case) -> Grid:
        grid = read_grid(case.images[0])
        for file in (*case.images[1:], *(() if case.labels is None else (case.labels,))):
            check_grids(read_grid(file), grid, labels=str(file), image=str(case.images[0]))
        return grid

    def _rules(self, training: Sequence[Case]) -> list[IntensityRule]:
        """One rule for every file of a case."""
        wanted, count = self.options.intensity, len(self.folder.channels)
        if wanted == "z-score":
            return [ZScoreRule() for _ in range(count)]
        if wanted != "ct":
            return [window_rule(wanted) for _ in range(count)]
        if self.options.ct:
            return [CtRule(*self.options.ct)] * count
        if any(case.labels is None for case in training):
            raise DataError(
                f"{self.folder.name} has no labels to take the foreground's intensities from",
                fix="give ct: [low, high, mean, std] of the training data, or use a window",
            )
        logger.info("reading the intensities of %d training cases", len(training))
        return [
            fit_ct_rule((read_nifti(c.images[n]).array, read_labels(c.labels or "").array) for c in training)
            for n in range(count)
        ]

    def _planes(self, number: int, *, with_labels: bool) -> tuple[np.ndarray, np.ndarray | None]:
        """Images (C, N, H, W) and labels (N, H, W), uint8, of a case; those of the last cases are remembered."""
        planes, labels = self._cache.pop(number, (None, None))
        if planes is None:
            images = [read_nifti(path) for path in self.cases[number].images]
            prepared = prepare_case(images, self.rules, spacing=self.options.spacing)
            planes = np.stack([take_planes(channel, self.options.plane) for channel in prepared])
        if labels is None and with_labels:
            labels = self._label_planes(number)
        self._cache[number] = (planes, labels)
        while len(self._cache) > 1 and self._used() > self.options.cache_mb * 2**20:
            self._cache.popitem(last=False)
        return planes, labels

    def _label_planes(self, number: int) -> np.ndarray:
        """(N, H, W) uint8 indices into the label space, `IGNORE` where the file says so."""
        labels = self.truth(number)
        table = np.full(65536, IGNORE, np.uint8)
        table[list(self.folder.names.ids)] = range(len(self.folder.names))
        canonical = to_canonical(labels.with_array(table[labels.array]), self.options.spacing, interpolation="nearest")
        return np.ascontiguousarray(take_planes(canonical.array, self.options.plane))

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
        labels = self._label_planes(number)
        return np.asarray(((labels > 0) & (labels != IGNORE)).any(axis=(1, 2)))


class NiftiFolderOptions(VolumeOptions):
    """Options of `NiftiFolder`.

    Attributes:
        images: folder of the images below root.
        labels: folder of the labels with equal file names; null where there are none.
        names: of the label values 0, 1, …; the first is the background.
    """

    images: str = "imagesTr"
    labels: str | None = "labelsTr"
    names: Annotated[tuple[str, ...], Field(min_length=2)] = ("background", "foreground")


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
