"""Real data where there are, and small DICOM series made up for a test."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import torch
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid
from torch import Tensor

from hub import (
    Batch,
    Head,
    LabelSpace,
    Metric,
    Model,
    Options,
    ResizeRule,
    Result,
    SemanticMap,
    TaskSpec,
    create,
    info,
    register,
)
from hub.errors import UnknownNameError
from hub.registry import unregister
from hub_medical import specs
from hub_medical.volumes.intensity import PIXELS

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
        out.mkdir(parents=True, exist_ok=True)
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


class Bright(Head):
    """A head whose answers are known: class 1 where the slice in the middle is at least ``level``."""

    class Options(Options):
        level: int = 4096

    needs = frozenset({"semantic"})
    labels_from = "semantic"
    options: Bright.Options

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.weight = torch.nn.Parameter(torch.zeros(1))

    @classmethod
    def levels(cls, options: Any) -> tuple[str, ...]:
        return ("c1",)

    def losses(self, features: Mapping[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        return {"loss": self.weight.sum()}

    def predict(self, features: Mapping[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        middle = batch.images[:, batch.images.shape[1] // 2].float() - (self.options.level - 0.5)
        return {"logits": torch.stack([-middle, middle], dim=1) / 512}

    def scores(self, predictions: Mapping[str, Tensor], batch: Batch) -> Iterator[Tensor]:
        for logits, size, original in zip(
            predictions["logits"], batch.sizes.tolist(), batch.original_sizes.tolist(), strict=True
        ):
            assert size == original, "these tests need slices that keep their size"
            yield logits[:, : size[0], : size[1]]

    def results(self, predictions: Mapping[str, Tensor], batch: Batch) -> list[Result]:
        return [
            SemanticMap(
                image_id=batch.ids[i],
                size=(len(scores[0]), len(scores[0, 0])),
                classes=scores.argmax(0).byte(),
                label_space=self.labels,
            )
            for i, scores in enumerate(self.scores(predictions, batch))
        ]

    def metric(self, dataset: Any) -> Metric:
        raise AssertionError("the dataset scores its volumes itself")

    def draw(self, image: np.ndarray, result: Any, *, score: float = 0.5) -> np.ndarray:
        return image


@pytest.fixture
def bright_model() -> Iterator[Callable[..., Model]]:
    """Call with the reader's options for a model of `Bright` on slices whose shorter side is ``side``."""
    register(TaskSpec(name="bright", kind="test", summary="", target=f"{__name__}:Bright"))

    def make(
        *, side: int, values: tuple[int, ...] = (0, 1), level: int = 4096, in_chans: int = 3, **reader: Any
    ) -> Model:
        names = ("background", "bright", "never")[: len(values)]
        model = create(
            "bright/resnet18",
            labels=LabelSpace(names, values),
            in_chans=in_chans,
            resize=ResizeRule(side, 512),
            level=level,
        )
        model.preprocessing = dataclasses.replace(model.preprocessing, pixels=PIXELS)
        model.recipe = dataclasses.replace(model.recipe, reader={"name": "volume", **reader})
        return model.eval()

    yield make
    unregister("bright", group="tasks")


@pytest.fixture
def volume_reader() -> Iterator[None]:
    """The reader, also where the plugin is on the path without being installed."""
    try:
        info("volume")
    except UnknownNameError:
        register(specs.volume)
        yield
        unregister("volume", group="readers")
    else:
        yield
