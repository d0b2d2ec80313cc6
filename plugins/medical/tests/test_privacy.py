"""Nothing in a header that describes the patient reaches a log, a message or a file."""

from __future__ import annotations

import gzip
import json
import logging
from collections.abc import Callable
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
from pydicom._dicom_dict import DicomDictionary
from pydicom.dataset import Dataset

from hub import LabelSpace, Model
from hub.cli import main
from hub.weights import save
from hub_medical.errors import DicomError
from hub_medical.io.dicom import read_dicom
from hub_medical.io.dicom_seg import write_dicom_seg
from hub_medical.io.nnunet import TrainingCase, export_nnunet
from hub_medical.metrics import score_case, summarize_cases
from hub_medical.reports.overlay import draw_labels
from hub_medical.reports.report import write_report

NAMES = LabelSpace(("background", "liver"), (0, 1))
# A marker for each kind of value. The plain ones are distinct enough that no output contains them by chance.
TEXT, CODE, NUMBER, DATE, TIME, AGE, UID = (
    *("XQMARKERX", "XQCODEX", "731984.25", "19310717", "031744.918273", "093Y", "1.2.826.0.1.3680043.9.731984.25"),
)
MARKERS = {
    **dict.fromkeys(("LO", "LT", "PN", "ST", "UC", "UR", "UT"), TEXT),
    **dict.fromkeys(("AE", "CS", "SH"), CODE),
    "AS": AGE,
    "DA": DATE,
    "DT": f"{DATE}{TIME}",
    "TM": TIME,
    "DS": NUMBER,
    "IS": "731984",
    "FL": 731984.25,
    "FD": 731984.25,
}
SECRETS = tuple({str(value) for value in MARKERS.values()})
# What the reader needs, and what links the result to its source.
KEPT = {
    *("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID", "Modality"),
    *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "SpacingBetweenSlices"),
    *("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "SamplesPerPixel"),
    *("PhotometricInterpretation", "RescaleSlope", "RescaleIntercept", "PixelData", "NumberOfFrames", "ImageType"),
    *("SpecificCharacterSet", "BurnedInAnnotation", "SharedFunctionalGroupsSequence"),
    *("PerFrameFunctionalGroupsSequence", "ModalityLUTSequence", "VOILUTSequence"),
}


def mark(data: Dataset) -> int:
    """Fill every attribute of DICOM's dictionary but those of `KEPT` and of the pixels; return how many.

    A sequence gets one item with a name, an id, a date and a code.
    """
    count = 0
    for tag, (kind, _, _, _, keyword) in DicomDictionary.items():
        group = tag >> 16
        if not keyword or keyword in KEPT or group in (0x0000, 0x0002, 0x0004, 0x0028, 0x7FE0) or group >= 0x5000:
            continue
        if kind == "SQ":
            item = Dataset()
            item.PatientName, item.PatientID, item.StudyDate = TEXT, TEXT, DATE
            item.CodeValue, item.CodeMeaning, item.CodingSchemeDesignator = CODE, TEXT, CODE
            data.add_new(tag, "SQ", [item])
        elif kind == "UI":
            data.add_new(tag, "UI", UID)
        elif kind in MARKERS:
            data.add_new(tag, kind, MARKERS[kind])
        else:
            continue
        count += 1
    data.private_block(0x0011, TEXT, create=True).add_new(0x01, "LO", TEXT)
    return count


def everything_in(folder: Path) -> bytes:
    """The names and contents of all files, unpacked."""
    files = [p for p in folder.rglob("*") if p.is_file()]
    assert files
    found = []
    for path in files:
        found += [str(path.relative_to(folder)).encode(), path.read_bytes()]
        if path.suffix == ".gz":
            found.append(gzip.decompress(path.read_bytes()))
        if path.suffix == ".dcm":
            found.append(str(pydicom.dcmread(path)).encode())
    return b"\n".join(found)


@pytest.mark.usefixtures("volume_reader", "medical_command")
@pytest.mark.parametrize("frames", ["single", "multi"])
def test_no_attribute_of_the_source_is_written(
    make_series: Callable[..., list[Path]],
    bright_model: Callable[..., Model],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    frames: str,
) -> None:
    """Every output of a prediction, its logs, the checkpoint, a report, and what `hub medical series` prints."""
    caplog.set_level(logging.DEBUG)
    stored = np.random.default_rng(0).integers(0, 900, (4, 32, 32))
    files = make_series(stored, folder="all/good", series="1.2.1")
    make_series(stored, folder="all/bad", series="1.2.2")[1].unlink()
    if frames == "multi":
        images = [pydicom.dcmread(file) for file in files]
        for image in images:
            image.ImageType, image.Manufacturer, image.StudyTime = ["ORIGINAL", "PRIMARY", "AXIAL"], "x", "101010"
        many = hd.legacy.LegacyConvertedEnhancedCTImage(images, "1.2.1", 1, hd.UID(), 1)
        for file in files:
            file.unlink()
        files = [files[0]]
        many.save_as(files[0])
    for file in [*files, *(tmp_path / "all" / "bad").iterdir()]:
        data = pydicom.dcmread(file)
        assert mark(data) > 3000
        data.save_as(file)
    assert TEXT.encode() in files[0].read_bytes()

    checkpoint = save(bright_model(side=32, rules=[{"rule": "z-score"}]), tmp_path / "out" / "model.safetensors")
    assert main(["predict", str(checkpoint), str(tmp_path / "all"), "--out", str(tmp_path / "out")]) == 1
    assert main(["medical", "series", str(tmp_path / "all")]) == 1
    series = read_dicom(files[0].parent)
    labels = series.volume.with_array((series.volume.array > 0).astype(np.uint8))
    case = TrainingCase(series.key, [series.volume], labels)
    export_nnunet([case], tmp_path / "out" / "D", names=NAMES, channels=["CT"])
    score = score_case(series.key, TEXT, labels, labels, NAMES, tolerance=1.0)
    picture = draw_labels(np.zeros((32, 32), np.uint8), labels.array[:, :, 0], None, NAMES.names)
    write_report(
        tmp_path / "out",
        summarize_cases([score], draws=10),
        title="t",
        settings={"tolerance": 1},
        overlays={series.key: picture},
    )
    found = everything_in(tmp_path / "out")
    assert b"series-" in found
    printed = capfd.readouterr()
    logged = (caplog.text + printed.out + printed.err).encode()
    assert b"fetch the missing slices" in logged
    for secret in SECRETS:
        assert secret.encode() not in found
        assert secret.encode() not in logged


def test_a_segmentation_holds_only_listed_attributes_of_its_source(
    make_series: Callable[..., list[Path]], tmp_path: Path
) -> None:
    files = make_series(np.zeros((3, 8, 8)))
    series = read_dicom(files[0].parent)
    labels = series.volume.with_array(np.ones(series.volume.array.shape, np.uint8))
    data = pydicom.dcmread(write_dicom_seg(tmp_path / "seg.dcm", labels, series, NAMES))
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "AccessionNumber"):
        assert keyword in data, "a type 2 attribute must be there"
        assert not data.get(keyword)
    assert data.StudyInstanceUID == series.images[0].study
    assert data.SpecificCharacterSet == "ISO_IR 192"


def test_messages(make_series: Callable[..., list[Path]], edit: Callable[..., None], secrets: dict[str, str]) -> None:
    files = make_series(np.zeros((3, 8, 8)))
    edit(files[1], ImagePositionPatient=[0, 0, 99.0], Rows=9)
    with pytest.raises(DicomError) as caught:
        read_dicom(files[0].parent)
    assert not any(secret in str(caught.value) for secret in secrets.values())


def test_a_segmentation_for_an_archive_can_keep_them(
    make_series: Callable[..., list[Path]], secrets: dict[str, str], tmp_path: Path
) -> None:
    series = read_dicom(make_series(np.zeros((3, 8, 8)))[0].parent)
    labels = series.volume.with_array(np.ones(series.volume.array.shape, np.uint8))
    path = write_dicom_seg(tmp_path / "seg.dcm", labels, series, NAMES, identified=True)
    data = pydicom.dcmread(path)
    assert (data.PatientName, data.PatientID) == (secrets["PatientName"], secrets["PatientID"])
    found = path.read_bytes()
    for keyword, secret in secrets.items():
        assert keyword in ("PatientName", "PatientID") or secret.encode() not in found, keyword


@pytest.mark.usefixtures("volume_reader")
def test_predicting_for_an_archive_is_a_choice_that_is_logged(
    make_series: Callable[..., list[Path]],
    bright_model: Callable[..., Model],
    secrets: dict[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = make_series(np.full((4, 32, 32), 900))
    checkpoint = str(save(bright_model(side=32, rules=[{"rule": "z-score"}]), tmp_path / "model.safetensors"))
    assert main(["predict", checkpoint, str(files[0].parent), "--out", str(tmp_path / "out"), "--identified"]) == 0
    assert "will hold the names and ids of patients" in capsys.readouterr().err
    (path,) = (tmp_path / "out").glob("*.dcm")
    assert pydicom.dcmread(path).PatientID == secrets["PatientID"]
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert secrets["PatientID"] not in json.dumps(results)


def test_burned_in_annotation_warns(make_series: Callable[..., list[Path]], caplog: pytest.LogCaptureFixture) -> None:
    read_dicom(make_series(np.zeros((2, 8, 8)), BurnedInAnnotation="YES")[0].parent)
    assert "BurnedInAnnotation is YES" in caplog.text


def test_real_headers(shared_data: Callable[[str], Path], tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    series = read_dicom(shared_data("dicom") / "ct-3slice")
    labels = series.volume.with_array(np.ones(series.volume.array.shape, np.uint8))
    found = write_dicom_seg(tmp_path / "seg.dcm", labels, series, NAMES).read_bytes()
    for secret in (b"JANCT", b"99000", b"20030417", b"060Y", b"03086212"):
        assert secret not in found
        assert secret.decode() not in caplog.text
