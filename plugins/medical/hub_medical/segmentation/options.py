"""Options of the formats of volumes: slices and patches, from two folders or a dataset.json."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hub import Options
from hub_medical.segmentation.predictor import Direction
from hub_medical.volumes.resample import Millimeters
from hub_medical.volumes.slicing import Plane


class VolumeOptions(Options):
    """Options of every format of volumes.

    Attributes:
        root: folder of the dataset.
        patient: regular expression whose first group within a case's id is its patient; splits never divide one.
            There is no default, as the files do not state it: write ``(.+)`` where every case is a patient.
        split: "train" and "val" are the two sides of fold ``fold``; "all" is everything.
        folds: number of folds, by patient; with 4, a quarter is held out.
        fold: the one held out, from 0.
        seed: another one gives other folds.
        splits: a file below root in the form of nnU-Net's splits_final.json, instead of folds and seed.
        plane: of the slices.
        spacing: mm along R, A and S that volumes are resampled to; that of the file by default.
        intensity: "z-score" (each case by its own mean and standard deviation), "ct" (nnU-Net's rule), or a list of
            CT windows, one per channel, by name or as center/width. By default "ct" for channels that the
            dataset.json calls CT, and "z-score" for others, as in nnU-Net.
        ct: 0.5 and 99.5 percentile, mean and deviation for "ct"; by default they are taken from the foreground
            of the training side, which reads it once.
        foreground: least share of training slices with foreground; such slices are repeated as often as needed.
        tolerance: of the surface distance in mm, for all structures or by name: how far apart two experts' surfaces
            may be. Without it there is no NSD.
        mirror: test-time augmentation: directions along which predictions for mirror images are averaged, of right,
            anterior and superior; not that in which slices follow each other.
        cache_mb: memory in MiB, in each worker, to cache volumes.
    """

    root: str
    patient: str
    split: Literal["train", "val", "all"] = "all"
    folds: Annotated[int, Field(ge=2)] = 5
    fold: Annotated[int, Field(ge=0)] = 0
    seed: int = 0
    splits: str | None = None
    plane: Plane = "axial"
    spacing: tuple[Millimeters, Millimeters, Millimeters] | None = None
    intensity: Literal["z-score", "ct"] | tuple[str, ...] | None = None
    ct: tuple[float, float, float, float] | None = None
    foreground: Annotated[float, Field(ge=0, lt=1)] = 0.0
    tolerance: Millimeters | dict[str, Millimeters] | None = None
    mirror: tuple[Direction, ...] = ()
    cache_mb: Annotated[int, Field(ge=0)] = 512


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


class PatchOptions(VolumeOptions):
    """Options of the formats of patches: these, and those of `VolumeOptions`.

    Attributes:
        step: slices from one patch to the next. ``in_chans`` says how deep a patch is; where it is deeper than a step,
            patches overlap.
    """

    step: Annotated[int, Field(ge=1)] = 8


class NiftiPatchesOptions(NiftiFolderOptions, PatchOptions):
    """Options of `NiftiPatches`: those of `NiftiFolderOptions` and `PatchOptions`."""
