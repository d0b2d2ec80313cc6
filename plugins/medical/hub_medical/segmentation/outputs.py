"""The files of one predicted case: labels as NIfTI and DICOM segmentation, and a picture."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from hub import LabelSpace
from hub.errors import HubError
from hub.visual import write_image
from hub_medical.errors import SegmentationWriteError
from hub_medical.io.dicom_seg import write_dicom_seg
from hub_medical.io.nifti import SUFFIXES, write_nifti
from hub_medical.io.scans import Scan
from hub_medical.reports.overlay import contact_sheet
from hub_medical.volumes.intensity import IntensityRule
from hub_medical.volumes.prepare import prepare_case
from hub_medical.volumes.resample import to_canonical
from hub_medical.volumes.slicing import Plane
from hub_medical.volumes.volume import Volume

log = logging.getLogger("hub")

Format = Literal["nifti", "seg", "png"]
FORMATS: tuple[Format, ...] = get_args(Format)


class CaseWriter:
    """Writes cases to a folder; a format that cannot be written leaves no file and does not stop the others.

    Args:
        folder: to write to.
        labels: names and label values.
        formats: to write; those of DICOM only where the case comes from DICOM.
        required: formats that the user asked for: not writing one is a failure for any case.
        identified: see `hub_medical.io.dicom_seg.write_dicom_seg`.
        plane: of the slices in pictures.
        rule: of the first channel's intensities, for pictures.
    """

    def __init__(
        self,
        folder: Path,
        labels: LabelSpace,
        *,
        formats: Sequence[Format] = FORMATS,
        required: Sequence[Format] = (),
        identified: bool = False,
        plane: Plane,
        rule: IntensityRule,
    ) -> None:
        self.folder, self.labels, self.formats, self.required = folder, labels, formats, required
        self.identified, self.plane, self.rule = identified, plane, rule

    def write(self, case: str, scan: Scan, predicted: Volume) -> dict[str, Any]:
        """Write the files of a case.

        Args:
            case: its name.
            scan: what was read.
            predicted: indices of the labels on the grid of the file.

        Returns:
            The case's entry in ``results.json``; under ``not_written`` the formats that failed, with the reason.
        """
        values = np.array(self.labels.ids)
        labels = predicted.with_array(values.astype(np.uint8 if values.max() < 256 else np.uint16)[predicted.array])
        writers: dict[str, Callable[[], Path]] = {
            "nifti": lambda: write_nifti(self.folder / f"{case}{SUFFIXES[0]}", labels),
            "seg": lambda: self._seg(case, scan, labels),
            "png": lambda: self._picture(case, scan, labels),
        }
        written, failures = [], {}
        for name in self.formats:
            if name == "seg" and scan.series is None and name not in self.required:
                continue
            try:
                written.append(writers[name]().name)
            except HubError as error:
                log.error("%s: %s", case, error)
                failures[name] = str(error).partition("\n")[0].replace(str(self.folder), "").lstrip("/")
        entry = {"case": case, "files": written, **self._measures(predicted, labels)}
        return {**entry, "not_written": failures} if failures else entry

    def _measures(self, predicted: Volume, labels: Volume) -> dict[str, Any]:
        milliliters = abs(float(np.linalg.det(labels.affine[:3, :3]))) / 1000
        counts = np.bincount(predicted.array.ravel(), minlength=len(self.labels)).tolist()
        return {
            "shape": list(labels.grid.shape),
            "spacing": list(labels.spacing),
            "volumes_ml": {
                name: round(count * milliliters, 4)
                for name, value, count in zip(self.labels.names, self.labels.ids, counts, strict=True)
                if value != 0
            },
        }

    def _seg(self, case: str, scan: Scan, labels: Volume) -> Path:
        if scan.series is None:
            raise SegmentationWriteError(
                f"{case}: a NIfTI file has no DICOM images that a segmentation could refer to",
                fix="predict the DICOM series, or leave seg out of --formats",
            )
        return write_dicom_seg(
            self.folder / f"{case}.dcm", labels, scan.series, self.labels, identified=self.identified
        )

    def _picture(self, case: str, scan: Scan, labels: Volume) -> Path:
        """Draw slices of a case in the patient's proportions, at the resolution of the file."""
        structures = [
            (name, value) for name, value in zip(self.labels.names, self.labels.ids, strict=True) if value != 0
        ]
        shown = to_canonical(labels, interpolation="nearest")
        indices = np.zeros(shown.array.shape, np.uint8)
        for index, (_, value) in enumerate(structures, 1):
            indices[shown.array == value] = index
        image = prepare_case(scan.channels[:1], [self.rule])[0]
        names = ["", *(name for name, _ in structures)]
        sheet = contact_sheet(image, indices, names, plane=self.plane, spacing=shown.spacing)
        return write_image(self.folder / f"{case}.png", sheet)
