"""Nothing in a header that names the patient may reach a log, a message or a file."""

from __future__ import annotations

import gzip
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hub import LabelSpace, Model
from hub.cli import main
from hub.weights import save
from hub_medical.errors import DicomError
from hub_medical.io.dicom import read_dicom
from hub_medical.io.dicom_seg import write_dicom_seg
from hub_medical.io.nifti import write_nifti
from hub_medical.io.nnunet import TrainingCase, export_nnunet
from hub_medical.metrics import score_case, summarize_cases
from hub_medical.reports.overlay import draw_labels
from hub_medical.reports.report import write_report

NAMES = LabelSpace(("background", "liver"), (0, 1))


def everything_in(folder: Path) -> bytes:
    files = [p for p in folder.rglob("*") if p.is_file()]
    assert files
    return b"".join(
        str(p.relative_to(folder)).encode() + (gzip.decompress(p.read_bytes()) if p.suffix == ".gz" else p.read_bytes())
        for p in files
    )


@pytest.mark.usefixtures("medical_command")
def test_outputs_and_logs(
    make_series: Callable[..., list[Path]],
    secrets: dict[str, str],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    files = make_series(np.random.default_rng(0).integers(0, 900, (4, 16, 16)), StudyTime="not a time")
    series = read_dicom(files[0].parent)
    labels = series.volume.with_array((series.volume.array > 0).astype(np.uint8))
    out = tmp_path / "out"
    write_nifti(out / f"{series.key}.nii.gz", labels)
    write_dicom_seg(out / "seg.dcm", labels, series, NAMES)
    export_nnunet([TrainingCase(series.key, [series.volume], labels)], out / "Dataset001", names=NAMES, channels=["CT"])
    score = score_case(series.key, secrets["PatientID"], labels, labels, NAMES, tolerance=1.0)
    picture = draw_labels(np.zeros((16, 16), np.uint8), labels.array[:, :, 0], None, NAMES.names)
    write_report(
        out, summarize_cases([score], draws=10), title="t", settings={"tolerance": 1}, overlays={series.key: picture}
    )
    assert main(["medical", "series", str(files[0].parent)]) == 0
    found = everything_in(out)
    printed = capfd.readouterr()
    said = (caplog.text + printed.out + printed.err).encode()
    for keyword, secret in secrets.items():
        assert secret.encode() not in found, keyword
        assert secret.encode() not in said, keyword


@pytest.mark.usefixtures("volume_reader")
def test_prediction(
    make_series: Callable[..., list[Path]],
    bright_model: Callable[..., Model],
    secrets: dict[str, str],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Of a series that can be predicted, and of one that cannot."""
    caplog.set_level(logging.DEBUG)
    stored = np.random.default_rng(0).integers(0, 900, (4, 32, 32))
    make_series(stored, folder="all/good", series="1.2.1", StudyTime="not a time")
    make_series(stored, folder="all/bad", series="1.2.2")[1].unlink()
    model = bright_model(side=32, rules=[{"rule": "z-score"}])
    checkpoint = save(model, tmp_path / "model.safetensors")
    assert main(["predict", str(checkpoint), str(tmp_path / "all"), "--out", str(tmp_path / "out")]) == 1
    found = everything_in(tmp_path / "out")
    assert b"series-" in found
    printed = capfd.readouterr()
    said = (caplog.text + printed.out + printed.err).encode()
    assert b"fetch the missing slices" in said
    for keyword, secret in secrets.items():
        assert secret.encode() not in found, keyword
        assert secret.encode() not in said, keyword


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
    assert secrets["PatientID"].encode() in path.read_bytes()


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
