"""Real data where there are, and small DICOM series made up for a test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from hub import info, register
from hub.errors import UnknownNameError
from hub.registry import unregister
from hub_medical import specs

SECRETS = {
    "PatientName": "DOE^JANE",
    "PatientID": "PID-77123",
    "PatientBirthDate": "19700131",
    "StudyDate": "20191224",
    "AcquisitionDate": "20191225",
    "AccessionNumber": "ACC-4711",
    "ReferringPhysicianName": "HOUSE^GREGORY",
    "StudyID": "STUDY-13",
}


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """Call with a name for the folder of a real data set; skips the test where it is absent.

    It is looked for in ``$HUB_SHARED_DATA`` and in ``../shared/data`` beside the checkout.
    """
    root = Path(os.environ.get("HUB_SHARED_DATA") or Path(__file__).resolve().parents[4] / "shared" / "data")

    def find(name: str) -> Path:
        if not (root / name).is_dir():
            pytest.skip(f"no real data {name!r}: put it beside the checkout or set HUB_SHARED_DATA")
        return root / name

    return find


@pytest.fixture
def secrets() -> dict[str, str]:
    """What the headers of `make_series` say of the patient."""
    return SECRETS


@pytest.fixture
def make_series(tmp_path: Path) -> Callable[..., list[Path]]:
    """Call for a folder of CT slices: (n, rows, columns) stored values, positions, and header values to change."""

    def make(
        stored: np.ndarray,
        *,
        folder: str = "series",
        positions: np.ndarray | None = None,
        series: str | None = None,
        **changes: Any,
    ) -> list[Path]:
        out = tmp_path / folder
        out.mkdir(exist_ok=True)
        series, study, frame = series or generate_uid(), generate_uid(), "1.2.3.4"
        if positions is None:
            positions = np.array([[-10.0, -20.0, 2.5 * k] for k in range(len(stored))])
        files = []
        for number, (plane, position) in enumerate(zip(stored, positions, strict=True)):
            meta = FileMetaDataset()
            meta.TransferSyntaxUID = ExplicitVRLittleEndian
            meta.MediaStorageSOPClassUID = CTImageStorage
            meta.MediaStorageSOPInstanceUID = generate_uid()
            header = Dataset()
            header.SOPClassUID, header.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
            header.SeriesInstanceUID, header.StudyInstanceUID, header.FrameOfReferenceUID = series, study, frame
            header.Modality, header.InstanceNumber = "CT", number + 1
            header.ImagePositionPatient = [float(p) for p in position]
            header.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
            header.PixelSpacing, header.SliceThickness = [0.8, 0.7], 2.5
            header.Rows, header.Columns = plane.shape
            header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
            header.BitsAllocated = header.BitsStored = 16
            header.HighBit, header.PixelRepresentation = 15, 1
            header.RescaleSlope, header.RescaleIntercept = 2, -1000
            header.PositionReferenceIndicator, header.PatientSex = "", "F"
            for key, value in {**SECRETS, **changes}.items():
                setattr(header, key, value)
            header.PixelData = plane.astype(np.int16).tobytes()
            file = out / f"slice_{number:02}.dcm"
            FileDataset(str(file), header, file_meta=meta, preamble=b"\0" * 128).save_as(file)
            files.append(file)
        return files

    return make


@pytest.fixture
def edit() -> Callable[..., None]:
    """Call with a DICOM file and header values to change it in place."""

    def change(file: Path, **values: Any) -> None:
        header = pydicom.dcmread(file)
        for key, value in values.items():
            setattr(header, key, value)
        header.save_as(file)

    return change


@pytest.fixture
def medical_command() -> Iterator[None]:
    """``hub medical``, also where the plugin is on the path without being installed."""
    try:
        info("medical")
    except UnknownNameError:
        register(specs.medical)
        yield
        unregister("medical", group="commands")
    else:
        yield
