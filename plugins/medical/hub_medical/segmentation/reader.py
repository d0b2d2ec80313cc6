"""``hub predict`` for volumes: NIfTI or DICOM in; labels on the grid of the file, pictures and JSON out."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import field_validator
from rich.progress import track

from hub import Head, Model, Options
from hub.engine import Outcome, Reader, Request
from hub.errors import DataError, SaveError
from hub.files import write_json
from hub_medical import NOTICE, __version__
from hub_medical.io.scans import Scan, ScanSource, find_scans
from hub_medical.segmentation.outputs import FORMATS, CaseWriter, Format
from hub_medical.segmentation.predictor import Direction, Settings, VolumePredictor, predictor_of
from hub_medical.volumes.intensity import ZScoreRule, rule_from_dict
from hub_medical.volumes.prepare import prepare_case
from hub_medical.volumes.resample import Millimeters, canonical_grid, restore_scores
from hub_medical.volumes.slicing import Plane
from hub_medical.volumes.volume import Volume, check_same_grid

log = logging.getLogger("hub")


class VolumeReaderOptions(Options):
    """What a checkpoint keeps of the data that its model learned from.

    Attributes:
        rules: one for each file of a case, see `hub_medical.volumes.intensity.IntensityRule.to_dict`; with their
            statistics.
        plane: of slices, and of the slices shown.
        spacing: mm along R, A and S that volumes are resampled to; None for that of the file.
        mirror: directions along which predictions for mirror images are averaged.
    """

    rules: tuple[dict[str, Any], ...]
    plane: Plane = "axial"
    spacing: tuple[Millimeters, Millimeters, Millimeters] | None = None
    mirror: tuple[Direction, ...] = ()


class VolumeRequestOptions(Options):
    """Options of one call of ``hub predict``.

    Attributes:
        formats: what to write for each case, with commas; by default all that its source allows.
        gaps: "allow" reads DICOM series with even gaps between slices.
        identified: keep the patient's name and id in DICOM outputs, for clinical archives.
    """

    formats: tuple[Format, ...] = ()
    gaps: Literal["refuse", "allow"] = "refuse"
    identified: bool = False

    @field_validator("formats", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(word.strip() for word in value.split(",")) if isinstance(value, str) else value


class VolumeReader(Reader):
    """Predicts whole volumes and brings the labels back onto the grid of their files.

    For each case there are ``<case>.nii.gz`` with the label values of the training data and the affine of the file,
    ``<case>.png`` to look at, for DICOM ``<case>.dcm``, a segmentation that refers to every slice, and an entry in
    ``results.json`` with the volume of every structure. A case that cannot be read has only an entry with the reason;
    where one format cannot be written, the others are. ``index.json`` leads from the cases to their sources: it holds
    paths and UIDs, and is to be kept where the sources are.

    Raises:
        OptionError: an unknown rule.
    """

    Options: ClassVar[type[VolumeReaderOptions]] = VolumeReaderOptions
    RequestOptions: ClassVar[type[VolumeRequestOptions]] = VolumeRequestOptions
    options: VolumeReaderOptions

    def __init__(self, options: VolumeReaderOptions) -> None:
        super().__init__(options)
        self.rules = [rule_from_dict(rule) for rule in options.rules]
        self._warned = False

    def predict(self, model: Model, request: Request) -> Outcome:
        """See `hub.engine.reader.Reader.predict`; a case among several that fails is logged and counted.

        Raises:
            DataError: there is nothing to predict, or the model has no head that gives every voxel a class.
            SaveError: the folder cannot be written, or it is the one that holds the images.
        """
        asked = request.options if isinstance(request.options, VolumeRequestOptions) else VolumeRequestOptions()
        sources = find_scans(request.source, len(self.rules), gaps=asked.gaps == "allow")
        folder = request.source if request.source.is_dir() else request.source.parent
        if request.out.resolve() == folder.resolve():
            raise SaveError(
                f"{request.out} holds the images, which predictions of the same names would replace",
                fix="give another --out",
            )
        settings = Settings(self.options.plane, self.options.mirror, request.batch_size, request.precision)
        heads = {name: head for name, head in model.items() if head.labels_from == "semantic"}
        if not heads:
            raise DataError(
                f"{model.recipe.name} has no head that gives every voxel a class", fix="train one, such as unet"
            )
        if asked.identified:
            log.warning("--identified: DICOM files in %s will hold the names and ids of patients", request.out)
        predictors = {name: predictor_of(model, name, settings) for name in heads}
        folders = {name: request.out / name if len(heads) > 1 else request.out for name in heads}
        writers = {
            name: CaseWriter(
                folders[name],
                head.labels,
                formats=asked.formats or FORMATS,
                required=asked.formats,
                identified=asked.identified,
                plane=self.options.plane,
                rule=self.rules[0],
            )
            for name, head in heads.items()
        }
        entries: dict[str, list[dict[str, Any]]] = {name: [] for name in heads}
        failed = 0
        try:
            for source in track(sources, description="predict", transient=True, disable=len(sources) < 2):
                failed += not self._predict_case(source, heads, predictors, writers, entries)
        finally:
            if any(entries.values()):  # also where something unexpected stops the others
                self._write_results(request.out, model, folders, entries, sources)
        return Outcome(len(sources) - failed, failed, "cases")

    def _predict_case(
        self,
        source: ScanSource,
        heads: Mapping[str, Head],
        predictors: Mapping[str, VolumePredictor],
        writers: Mapping[str, CaseWriter],
        entries: Mapping[str, list[dict[str, Any]]],
    ) -> bool:
        """Predict and write one case; return whether all of it succeeded."""
        try:
            scan = source.read()
            self._warn_of_ct(scan)
            found = self._found(scan, source.case, heads, predictors)
        except DataError as error:
            log.error("%s", error)
            # The message stays in the log: it names files, and folders of archives are often named after patients.
            reason = (type(error).__doc__ or "").partition("\n")[0]
            for cases in entries.values():
                cases.append({"case": source.case, "error": type(error).__name__, "reason": reason})
            return False
        complete = True
        for name, labels in found.items():
            entry = writers[name].write(source.case, scan, labels)
            complete &= "not_written" not in entry
            entries[name].append(entry)
        return complete

    def _found(
        self,
        scan: Scan,
        case: str,
        heads: Mapping[str, Head],
        predictors: Mapping[str, VolumePredictor],
    ) -> dict[str, Volume]:
        """Head → indices of its labels on the grid of the file."""
        for channel in scan.channels:
            check_same_grid(channel, scan.channels[0])
        source, spacing = scan.channels[0].grid, self.options.spacing
        volume = prepare_case(scan.channels, self.rules, spacing=spacing)
        canonical = canonical_grid(source, spacing)
        return {
            name: restore_scores(predictors[name](volume), predictors[name].axis, canonical, source, name=case)
            for name in heads
        }

    def _warn_of_ct(self, scan: Scan) -> None:
        if scan.series is None or scan.series.images[0].modality != "CT" or not isinstance(self.rules[0], ZScoreRule):
            return
        if not self._warned:
            log.warning(
                "a CT is read by a model that z-scores each case by its own mean; train with intensity: ct, or with "
                "windows such as intensity: [soft-tissue]"
            )
        self._warned = True

    def _write_results(
        self,
        out: Path,
        model: Model,
        folders: Mapping[str, Path],
        entries: Mapping[str, list[dict[str, Any]]],
        sources: list[ScanSource],
    ) -> None:
        about = {"notice": NOTICE, "version": __version__, "model": model.recipe.name}
        for name, head in model.items():
            if name in entries:
                values = dict(zip(head.labels.names, head.labels.ids, strict=True))
                write_json(folders[name] / "results.json", {**about, "labels": values, "cases": entries[name]})
        index = out / "index.json"
        write_json(
            index,
            {
                "notice": "Keep this file with the sources: its paths and UIDs lead back to patients.",
                "cases": {source.case: dict(source.origin) for source in sources},
            },
        )
        os.chmod(index, 0o600)
