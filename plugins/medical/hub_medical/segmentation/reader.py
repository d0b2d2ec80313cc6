"""``hub predict`` for volumes: NIfTI or DICOM in; labels on the grid of the file, pictures and JSON out."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from rich.progress import track

from hub import Head, LabelSpace, Model, Options
from hub.engine import Outcome, Reader, Request
from hub.errors import DataError, SaveError
from hub.files import write_json
from hub.visual import write_image
from hub_medical import NOTICE, __version__
from hub_medical.errors import SegmentationWriteError
from hub_medical.io.dicom_seg import write_dicom_seg
from hub_medical.io.nifti import SUFFIXES, write_nifti
from hub_medical.io.scans import Scan, find_scans
from hub_medical.reports.overlay import contact_sheet
from hub_medical.segmentation.predictor import Direction, Settings, VolumePredictor, predictor_of
from hub_medical.volumes.intensity import rule_from_dict
from hub_medical.volumes.prepare import prepare_case
from hub_medical.volumes.resample import Millimetres, canonical_grid, restore_scores, to_canonical
from hub_medical.volumes.slicing import Plane
from hub_medical.volumes.volume import Volume, check_same_grid

log = logging.getLogger("hub")


class VolumeReaderOptions(Options):
    """What a checkpoint keeps of the data that its model learned from.

    Attributes:
        rules: one a file of a case, see `hub_medical.volumes.intensity.IntensityRule.to_dict`; with their statistics.
        plane: of slices, and of the slices shown.
        spacing: millimetres along right, front and head that volumes are resampled to; None for the file's own.
        mirror: directions along which answers for mirror images are averaged.
    """

    rules: tuple[dict[str, Any], ...]
    plane: Plane = "axial"
    spacing: tuple[Millimetres, Millimetres, Millimetres] | None = None
    mirror: tuple[Direction, ...] = ()


class VolumeReader(Reader):
    """Predicts whole volumes and brings the answers back onto the grid of their files.

    For each case there are ``<case>.nii.gz`` with the label values of the training data and the affine of the file,
    ``<case>.png`` to look at, for DICOM ``<case>.dcm``, a segmentation that refers to every slice, and an entry in
    ``results.json`` with the volume of every structure. A case that cannot be read or written has none of them.

    Raises:
        OptionError: a rule that is not known.
    """

    Options: ClassVar[type[VolumeReaderOptions]] = VolumeReaderOptions
    options: VolumeReaderOptions

    def __init__(self, options: VolumeReaderOptions) -> None:
        super().__init__(options)
        self.rules = [rule_from_dict(rule) for rule in options.rules]

    def predict(self, model: Model, request: Request) -> Outcome:
        """See `hub.engine.reader.Reader.predict`; one case among several that fails is logged and counted.

        Raises:
            DataError: there is nothing to predict, or the model has no head that names the classes of voxels.
            SaveError: the folder cannot be written, or it is the one that holds the images.
        """
        scans = find_scans(request.source, len(self.rules))
        source = request.source if request.source.is_dir() else request.source.parent
        if request.out.resolve() == source.resolve():
            raise SaveError(
                f"{request.out} holds the images, which answers of the same names would replace",
                fix="give another --out",
            )
        settings = Settings(self.options.plane, self.options.mirror, request.batch_size, request.precision)
        heads = {name: head for name, head in model.items() if head.labels_from == "semantic"}
        if not heads:
            raise DataError(
                f"{model.recipe.name} has no head that gives every voxel a class", fix="train one, such as unet"
            )
        predictors = {name: predictor_of(model, name, settings) for name in heads}
        folders = {name: request.out / name if len(heads) > 1 else request.out for name in heads}
        entries: dict[str, list[dict[str, Any]]] = {name: [] for name in heads}
        failed = 0
        for read in track(scans, description="predict", transient=True, disable=len(scans) < 2):
            try:
                scan = read()
                found = self._found(scan, heads, predictors)
                for name, labels in found.items():
                    entries[name].append(self._write(scan, labels, heads[name].labels, folders[name]))
            except (DataError, SegmentationWriteError) as error:
                failed += 1
                log.error("%s", error)
        for name, head in heads.items():
            about = {"notice": NOTICE, "version": __version__, "model": model.recipe.name}
            values = dict(zip(head.labels.names, head.labels.ids, strict=True))
            write_json(folders[name] / "results.json", {**about, "labels": values, "cases": entries[name]})
        return Outcome(len(scans) - failed, failed, "cases")

    def _found(
        self, scan: Scan, heads: Mapping[str, Head], predictors: Mapping[str, VolumePredictor]
    ) -> dict[str, Volume]:
        """Head → indices of its labels on the grid of the file."""
        for channel in scan.channels:
            check_same_grid(channel, scan.channels[0])
        source, spacing = scan.channels[0].grid, self.options.spacing
        volume = prepare_case(scan.channels, self.rules, spacing=spacing)
        canonical = canonical_grid(source, spacing)
        return {
            name: restore_scores(predictors[name](volume), predictors[name].axis, canonical, source, name=scan.case)
            for name in heads
        }

    def _write(self, scan: Scan, found: Volume, names: LabelSpace, folder: Path) -> dict[str, Any]:
        """Write the files of a case; the one that can be refused comes first, so that nothing stays behind."""
        values = np.array(names.ids)
        labels = found.with_array(values.astype(np.uint8 if values.max() < 256 else np.uint16)[found.array])
        files = []
        if scan.series is not None:
            files.append(write_dicom_seg(folder / f"{scan.case}.dcm", labels, scan.series, names))
        files.append(write_nifti(folder / f"{scan.case}{SUFFIXES[0]}", labels))
        files.append(write_image(folder / f"{scan.case}.png", self._picture(scan, labels, names)))
        millilitres = abs(float(np.linalg.det(labels.affine[:3, :3]))) / 1000
        counts = np.bincount(found.array.ravel(), minlength=len(names)).tolist()
        return {
            "case": scan.case,
            "files": [file.name for file in files],
            "shape": list(labels.grid.shape),
            "spacing": list(labels.spacing),
            "volumes_ml": {
                name: round(count * millilitres, 4)
                for name, value, count in zip(names.names, names.ids, counts, strict=True)
                if value != 0
            },
        }

    def _picture(self, scan: Scan, labels: Volume, names: LabelSpace) -> np.ndarray:
        """The slices of a case in the patient's proportions, at the resolution of the file."""
        structures = [(name, value) for name, value in zip(names.names, names.ids, strict=True) if value != 0]
        shown = to_canonical(labels, interpolation="nearest")
        indices = np.zeros(shown.array.shape, np.uint8)
        for index, (_, value) in enumerate(structures, 1):
            indices[shown.array == value] = index
        image = prepare_case(scan.channels[:1], self.rules[:1])[0]
        return contact_sheet(
            image, indices, ["", *(name for name, _ in structures)], plane=self.options.plane, spacing=shown.spacing
        )
