"""A table of studies as the hub's datasets: single images, or slices as channels, each with its findings."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from hub import LabelSpace, Metric, Options
from hub.data import Dataset, Sample
from hub_medical.errors import StudyTableError
from hub_medical.io.folders import patient_key
from hub_medical.io.pictures import Intensity, intensity_rule
from hub_medical.studies.finding_metric import FindingMetric
from hub_medical.studies.study_case import CaseRule, Side
from hub_medical.studies.study_parts import ALL, chosen_rows, study_parts
from hub_medical.studies.study_set import StudySet
from hub_medical.studies.table import StudyTable, Uncertain, read_studies
from hub_medical.volumes.slicing import Plane

TAG = "labels"


class StudyOptions(Options):
    """Options of `StudyImages`, and of `StudySlices`, which has more.

    Attributes:
        root: folder of the dataset.
        file: the table below root, CSV with a header.
        images: folder below root that the table's files are relative to.
        path: column of the files.
        patient: column of the patients; splits never divide one. There is no default, as without it they would.
        patient_key: regular expression whose first group within that column is the patient, where the column holds
            more, such as a path.
        classes: columns of the findings: 1, 0, −1 or u for uncertain, empty for unknown.
        uncertain: what uncertain ones count as: "mask" (not known), "zero" or "one", for all or by class. There is no
            default where the table has some.
        part: column of a split, whose words ``split`` and ``calibrate_on`` name; without it, folds by patient.
        split: the part to read, "train", "val" or "test" of folds; "all" is everything.
        folds: number of folds, by patient.
        fold: the one that is "val", from 0.
        test_fold: the one that is "test"; null where there is none.
        seed: another one gives other folds.
        calibrate_on: for the final evaluation: another part, such as "val", whose images are predicted, too, to choose
            thresholds and temperatures on. They count in no metric.
        specificity: at which sensitivity is reported.
        draws: bootstrap samples of patients for the intervals; 0 leaves them out.
        intensity: "as-shown" (8 bits as they are, DICOM images by their own window), "z-score" (each image or study
            by its own mean and deviation), or windows, one per channel, by name or as center/width.
    """

    root: str
    file: str = "studies.csv"
    images: str = "."
    path: str = "path"
    patient: str
    patient_key: str | None = None
    classes: Annotated[tuple[str, ...], Field(min_length=1)]
    uncertain: Uncertain | dict[str, Uncertain] | None = None
    part: str | None = None
    split: str = ALL
    folds: Annotated[int, Field(ge=2)] = 5
    fold: Annotated[int, Field(ge=0)] = 0
    test_fold: Annotated[int, Field(ge=0)] | None = None
    seed: int = 0
    calibrate_on: str | None = None
    specificity: Annotated[float, Field(gt=0, lt=1)] = 0.9
    draws: Annotated[int, Field(ge=0)] = 1000
    intensity: Intensity = "as-shown"


class StudySlicesOptions(StudyOptions):
    """Options of `StudySlices`: these, and those of `StudyOptions`.

    Attributes:
        plane: of the slices of volumes; by default that in which they were taken.
        side: height and width of the image in pixels; slices keep their proportions within.
    """

    plane: Plane | None = None
    side: Side = 224


class StudyImages(Dataset):
    """A row of the table is an image: PNG, JPEG, TIFF, of 8 or 16 bits, or DICOM with one frame.

    The tag "labels" holds (classes,) float32 of 0, 1, and NaN where a finding is not known. An image's id is its file
    as the table has it.

    Attributes:
        patients: of every image.
        findings: (len, classes) float32, the tags.
        calibration: (len,) bool, the images of ``calibrate_on``.

    Raises:
        StudyTableError, MissingGroupError: see `hub_medical.studies.table.read_studies`.
        PatientOverlapError: the table has a patient in two parts.
        DataError: there is no such part.
        ImageError: a file is missing.
        OptionError: an option that does not fit.
    """

    Options: ClassVar[type[StudyOptions]] = StudyOptions

    def __init__(self, options: StudyOptions) -> None:
        self.options = options
        self.case = self._case()
        intensity_rule(options.intensity)  # refuse unknown windows before any file is read
        self.pixels = self.case.pixels
        root = Path(options.root).expanduser()
        file = root / options.file
        table = _table(options, file, root / options.images)
        parts = {ALL: list(range(len(table)))}
        if options.split != ALL or options.part is not None:
            parts = study_parts(
                table, folds=options.folds, fold=options.fold, test_fold=options.test_fold, seed=options.seed, file=file
            )
        scored, calibration = chosen_rows(parts, options.split, options.calibrate_on, file=file)
        rows = [*scored, *calibration]
        self.name = f"{file} ({options.split})"
        self.files = [table.paths[row] for row in rows]
        self.patients = [table.patients[row] for row in rows]
        self.findings = table.values[rows]
        self.calibration = np.arange(len(rows)) >= len(scored)
        self.ids = [os.path.relpath(path, root / options.images) for path in self.files]
        self.label_spaces = {TAG: LabelSpace(options.classes)}
        self.studies = StudySet(
            name=self.name,
            split=options.split,
            labels=self.label_spaces[TAG],
            ids=self.ids,
            files=self.files,
            patients=self.patients,
            findings=self.findings,
            calibration=self.calibration,
            case=self.case,
            calibrate_on=options.calibrate_on,
            specificity=options.specificity,
            draws=options.draws,
            uncertain=options.uncertain,
        )
        self.provides = frozenset({TAG})
        self.sizes = np.array([self.case.size(path) for path in self.files], np.int64).reshape(-1, 2)
        self.reader = {"name": "studies", **self.case.model_dump(mode="json")}

    def path(self, index: int) -> Path:
        """The file of an image, or the folder of its slices."""
        return self.files[index]

    def tags(self, index: int, needs: frozenset[str]) -> dict[str, np.ndarray]:
        """The findings of an image, without decoding it."""
        return {TAG: self.findings[index]} if TAG in needs else {}

    def load(self, index: int, needs: frozenset[str], *, in_chans: int = 3) -> Sample:
        """Decode an image; see `hub.data.Dataset.load`.

        Raises:
            OptionError: ``in_chans`` does not fit the channels that there are.
            ImageError: a file that cannot be read.
        """
        image, _ = self.case.read(self.files[index], in_chans=in_chans)
        return Sample(
            image=image,
            id=self.ids[index],
            path=self.files[index],
            original_size=(image.shape[0], image.shape[1]),
            tags=self.tags(index, needs),
        )

    def metric(self, labels_from: str | None, labels: LabelSpace) -> Metric | None:
        """For heads of the findings: metrics with intervals over patients; see `FindingMetric`."""
        return FindingMetric(self.studies, labels) if labels_from == TAG else None

    def _case(self) -> CaseRule:
        return CaseRule(kind="image", intensity=self.options.intensity)


class StudySlices(StudyImages):
    """A row of the table is a stack: DICOM series, NIfTI file, multi-page TIFF, or folder of gray pictures.

    An image's channels are slices, evenly chosen from the study's, as many as ``in_chans`` asks for; where a study has
    fewer, each is repeated as often as it takes, so that no mask needs to travel. The size of images is ``side``.
    """

    Options: ClassVar[type[StudySlicesOptions]] = StudySlicesOptions
    options: StudySlicesOptions

    def _case(self) -> CaseRule:
        return CaseRule(
            kind="slices", intensity=self.options.intensity, plane=self.options.plane, side=self.options.side
        )


def _table(options: StudyOptions, file: Path, folder: Path) -> StudyTable:
    table = read_studies(
        file,
        path=options.path,
        patient=options.patient,
        findings=options.classes,
        uncertain=options.uncertain,
        part=options.part,
        folder=folder,
    )
    if not len(table):
        raise StudyTableError(f"{file} holds no study", fix="check root and file")
    if options.patient_key is None:
        return table
    return replace(table, patients=[patient_key(cell, options.patient_key) for cell in table.patients])
