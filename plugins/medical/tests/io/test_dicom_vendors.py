"""What scanners and archives write: built here, and read with its true geometry or refused by its cause."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import highdicom as hd
import nibabel as nib
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRLittleEndian, generate_uid

from hub import LabelSpace, Model
from hub.engine import Outcome, Request, reader_of
from hub_medical.errors import (
    DicomError,
    MosaicError,
    SeveralVolumesError,
    TruncatedDicomError,
    UnevenSlicesError,
    UnreadableSliceError,
)
from hub_medical.io.dicom import read_dicom
from hub_medical.io.dicom_seg import read_dicom_seg, write_dicom_seg

MakeSeries = Callable[..., list[Path]]
STORED = np.random.default_rng(0).integers(0, 1000, (5, 6, 7)).astype(np.int16)
AFFINE = np.array([[-0.7, 0, 0, 10], [0, -0.8, 0, 20], [0, 0, 2.5, 0], [0, 0, 0, 1.0]])
NAMES = LabelSpace(("background", "liver"), (0, 1))
RULES = [{"rule": "window", "windows": [[500.0, 1000.0]]}]


def check(path: Path, out: Path, *, identified: bool = False) -> Dataset:
    """Voxels and affine are the true ones, and a segmentation of the series comes back as it was; return it."""
    series = read_dicom(path)
    np.testing.assert_allclose(series.volume.affine, AFFINE, atol=1e-4)
    np.testing.assert_allclose(series.volume.array, (2.0 * STORED - 1000).transpose(2, 1, 0), atol=1e-5)
    labels = series.volume.with_array((series.volume.array > 0).astype(np.uint8))
    write_dicom_seg(out, labels, series, NAMES, identified=identified)
    found, _ = read_dicom_seg(out)
    np.testing.assert_array_equal(found.array, labels.array)
    assert found.grid.matches(series.volume.grid, tolerance=1e-4)
    return pydicom.dcmread(out)


def rewrite(files: list[Path], change: Callable[[Dataset], None]) -> None:
    for file in files:
        data = pydicom.dcmread(file)
        change(data)
        data.save_as(file)


@pytest.mark.parametrize(
    "missing",
    [
        "FrameOfReferenceUID",
        "SliceThickness",
        "Modality",
        "StudyInstanceUID",
        "PatientName",
        "PositionReferenceIndicator",
    ],
)
def test_attributes_that_scanners_leave_out(make_series: MakeSeries, tmp_path: Path, missing: str) -> None:
    files = make_series(STORED)
    rewrite(files, lambda data: delattr(data, missing))
    check(files[0].parent, tmp_path / "seg.dcm")


@pytest.mark.parametrize(
    ("charset", "name"),
    [
        ("ISO 2022 IR 87", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        ("ISO 2022 IR 149", "Hong^Gildong=洪^吉洞=홍^길동"),
        ("ISO 2022 IR 13", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
        ("ISO_IR 100", "Buc^Jérôme"),
        ("ISO_IR 192", "Wang^XiaoDong=王^小東"),
        (["ISO_IR 6"], "Smith^John"),
    ],
)
def test_character_sets(make_series: MakeSeries, tmp_path: Path, charset: Any, name: str) -> None:
    files = make_series(STORED)

    def change(data: Dataset) -> None:
        data.SpecificCharacterSet = ["", charset] if "2022" in charset and "13" not in charset else charset
        data.PatientName = name

    rewrite(files, change)
    seg = check(files[0].parent, tmp_path / "seg.dcm", identified=True)
    assert seg.SpecificCharacterSet == "ISO_IR 192"
    assert str(seg.PatientName) == name


def enhanced(folder: Path, *, volumes: int = 1, shared: bool = True) -> Path:
    """An enhanced MR image, as Philips (measures per frame) or Siemens (no shared groups) write them."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, EnhancedMRImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    data = Dataset()
    data.SOPClassUID, data.SOPInstanceUID = EnhancedMRImageStorage, meta.MediaStorageSOPInstanceUID
    data.SeriesInstanceUID, data.StudyInstanceUID, data.FrameOfReferenceUID = (generate_uid() for _ in range(3))
    data.Modality, data.NumberOfFrames = "MR", volumes * len(STORED)
    data.Rows, data.Columns = STORED.shape[1:]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = 16
    data.HighBit, data.PixelRepresentation = 15, 1
    orientation, measures, rescale = Dataset(), Dataset(), Dataset()
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    measures.PixelSpacing, measures.SliceThickness = [0.8, 0.7], 2.5
    rescale.RescaleSlope, rescale.RescaleIntercept, rescale.RescaleType = 2, -1000, "US"
    common = Dataset()
    common.PlaneOrientationSequence = [orientation]
    if shared:
        data.SharedFunctionalGroupsSequence = [common]
    frames, order = [], np.random.default_rng(1).permutation(len(STORED)).tolist() * volumes
    for k in order:
        frame, position = Dataset(), Dataset()
        position.ImagePositionPatient = [-10, -20, 2.5 * k]
        frame.PlanePositionSequence, frame.PixelMeasuresSequence = [position], [measures]
        frame.PixelValueTransformationSequence = [rescale]
        if not shared:
            frame.PlaneOrientationSequence = [orientation]
        frames.append(frame)
    data.PerFrameFunctionalGroupsSequence = frames
    data.PixelData = STORED[order].tobytes()
    folder.mkdir(exist_ok=True)
    FileDataset(str(folder / "a.dcm"), data, file_meta=meta, preamble=b"\0" * 128).save_as(folder / "a.dcm")
    return folder


@pytest.mark.parametrize("shared", [True, False], ids=["philips", "siemens"])
def test_enhanced_multi_frame(tmp_path: Path, shared: bool) -> None:
    seg = check(enhanced(tmp_path / "in", shared=shared), tmp_path / "seg.dcm")
    source = pydicom.dcmread(tmp_path / "in" / "a.dcm")
    frames = hd.seg.segread(tmp_path / "seg.dcm").get_pixels_by_source_frame(
        source.SOPInstanceUID, list(range(1, 6)), combine_segments=True
    )
    np.testing.assert_array_equal(frames, (2 * source.pixel_array - 1000 > 0).astype(np.uint8))
    assert seg.StudyInstanceUID == source.StudyInstanceUID


def test_several_volumes_in_one_object_or_series(make_series: MakeSeries, tmp_path: Path) -> None:
    with pytest.raises(SeveralVolumesError, match="15 images at 5 positions: 3 volumes in one series"):
        read_dicom(enhanced(tmp_path / "in", volumes=3))
    places = np.array([[0.0, 0.0, 2.5 * (k % 5)] for k in range(10)])
    files = make_series(np.concatenate([STORED, STORED]), positions=places)
    with pytest.raises(SeveralVolumesError, match="10 images at 5 positions"):
        read_dicom(files[0].parent)


def test_a_mosaic_is_no_volume(make_series: MakeSeries) -> None:
    files = make_series(STORED[:1], ImageType=["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"])
    with pytest.raises(MosaicError, match="tiles of one image"):
        read_dicom(files[0].parent)


def test_drift_is_measured_against_the_straight_line(make_series: MakeSeries) -> None:
    depths = np.cumsum([0.0, *[3.0] * 20, *[3.25] * 20])
    places = np.array([[0.0, 0.0, z] for z in depths])
    files = make_series(np.zeros((41, 4, 4)), positions=places, SliceThickness=3.0)
    with pytest.raises(UnevenSlicesError, match=r"changes from 3 to 3.25 mm; slice_20.dcm lies 2.5 mm off"):
        read_dicom(files[0].parent)


def test_the_cause_of_bad_pixels_is_stated(make_series: MakeSeries) -> None:
    files = make_series(STORED)
    rewrite(files[2:3], lambda data: delattr(data, "BitsStored"))
    with pytest.raises(DicomError, match="slice_02.dcm has no BitsStored"):
        read_dicom(files[0].parent)
    files = make_series(STORED, folder="short")
    rewrite(files[-1:], lambda data: setattr(data, "PixelData", data.PixelData[:40]))
    with pytest.raises(TruncatedDicomError, match="slice_04.dcm: its pixels end after 40 of 84 bytes"):
        read_dicom(files[0].parent)
    files = make_series(STORED, folder="none")
    rewrite(files[-1:], lambda data: delattr(data, "PixelData"))
    with pytest.raises(TruncatedDicomError, match="slice_04.dcm has no pixels"):
        read_dicom(files[0].parent)


@pytest.mark.parametrize("length", [140, 400])
def test_a_truncated_slice_at_the_end_refuses_the_series(make_series: MakeSeries, length: int) -> None:
    files = make_series(STORED)
    files[-1].write_bytes(files[-1].read_bytes()[:length])
    with pytest.raises(UnreadableSliceError, match="it may be a slice of the 4 images beside it"):
        read_dicom(files[0].parent)


def test_a_file_without_preamble(make_series: MakeSeries, tmp_path: Path) -> None:
    files = make_series(STORED)
    for file in files:
        file.write_bytes(file.read_bytes()[132:])
    check(files[0].parent, tmp_path / "seg.dcm")


@pytest.mark.usefixtures("volume_reader")
def test_one_odd_file_costs_no_other_case(
    make_series: MakeSeries, bright_model: Callable[..., Model], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A malformed number, a DICOM among NIfTI files, and two files of one name."""
    stored = np.full((4, 32, 32), 900)
    make_series(stored, folder="in", series="1.2.1")
    odd = make_series(stored[:1], folder="in/odd", series="1.2.2")[0]
    text = odd.read_bytes()
    rewrite([odd], lambda data: setattr(data, "NumberOfFrames", 1))
    odd.write_bytes(odd.read_bytes().replace(b"IS\x02\x001 ", b"IS\x02\x001A"))
    assert odd.read_bytes() != text
    for name in ("good.nii.gz", "dup.nii", "dup.nii.gz"):
        nib.save(nib.Nifti1Image(np.full((32, 32, 4), 900, np.float32), np.eye(4)), tmp_path / "in" / name)
    done = reader_of(bright_model(side=32, rules=RULES)).predict(
        bright_model(side=32, rules=RULES), Request(source=tmp_path / "in", out=tmp_path / "out")
    )
    assert done == Outcome(2, 2, "cases")
    cases = {c["case"]: c for c in json.loads((tmp_path / "out" / "results.json").read_text())["cases"]}
    assert cases["dup"]["error"] == "VolumeError"
    assert cases["slice_00.dcm"]["error"] == "DicomError"
    assert "its NumberOfFrames is malformed" in caplog.text
    assert "files dup.nii and dup.nii.gz" in caplog.text
