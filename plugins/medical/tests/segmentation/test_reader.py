"""``hub predict`` on volumes: answers lie on the grid of the file, whatever grid the model saw."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import highdicom as hd
import nibabel as nib
import numpy as np
import pytest

from hub import LabelSpace, Model, create, load
from hub.cli import main
from hub.engine import Outcome, Request, reader_of
from hub.errors import DataError, OptionError, SaveError
from hub.weights import save
from hub_medical import NOTICE
from hub_medical.io.dicom import read_dicom
from hub_medical.io.dicom_seg import read_dicom_seg
from hub_medical.segmentation.datasets import NiftiFolder
from hub_medical.segmentation.reader import VolumeRequestOptions
from hub_medical.volumes.intensity import WindowRule

pytestmark = pytest.mark.usefixtures("volume_reader")
MakeModel = Callable[..., Model]
RULES = [WindowRule(((500.0, 1000.0),)).to_dict()]  # from 0 to 1000: bright is 500 and more
# i runs to the head, j to the left, k to the back, and the volume is oblique.
TILT = np.array([[np.cos(0.1), -np.sin(0.1), 0], [np.sin(0.1), np.cos(0.1), 0], [0, 0, 1]])
AFFINE = np.eye(4)
AFFINE[:3, :3] = TILT @ np.array([[0, -1.0, 0], [0, 0, -1.0], [1.0, 0, 0]]) @ np.diag([2.5, 0.8, 0.8])
AFFINE[:3, 3] = (11, -7, 30)


def nifti(path: Path, array: np.ndarray, affine: np.ndarray = AFFINE) -> Path:
    path.parent.mkdir(exist_ok=True)
    nib.save(nib.Nifti1Image(array.astype(np.float32), affine), path)
    return path


def predict(model: Model, source: Path, out: Path, **options: Any) -> Outcome:
    return reader_of(model).predict(model, Request(source=source, out=out, precision="fp32", **options))


def ball(shape: tuple[int, int, int], spacing: tuple[float, float, float], radius: float) -> np.ndarray:
    """Bright inside, dark outside, linear between."""
    places = np.meshgrid(
        *[(np.arange(n) - (n - 1) / 2) * s for n, s in zip(shape, spacing, strict=True)], indexing="ij"
    )
    return (500 + 100 * (radius - np.sqrt(sum(p**2 for p in places)))).clip(0, 1000)


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_labels_lie_on_the_grid_of_the_file(bright_model: MakeModel, tmp_path: Path, plane: str) -> None:
    array = np.random.default_rng(0).integers(0, 1001, (32, 32, 32))
    source = nifti(tmp_path / "in" / "case.nii.gz", array)
    model = bright_model(side=32, values=(0, 5), rules=RULES, plane=plane)
    assert predict(model, source, tmp_path / "out", batch_size=5) == Outcome(1, 0, "cases")
    found = nib.load(tmp_path / "out" / "case.nii.gz")
    np.testing.assert_allclose(found.affine, AFFINE, atol=1e-4)
    expected = 5 * (array >= 500)
    np.testing.assert_array_equal(np.asarray(found.dataobj), expected)
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["notice"] == NOTICE
    assert results["labels"] == {"background": 0, "bright": 5}
    (case,) = results["cases"]
    assert case["case"] == "case"
    assert case["volumes_ml"] == {"bright": pytest.approx((expected > 0).sum() * 2.5 * 0.8 * 0.8 / 1000, abs=1e-3)}
    assert {p.name for p in (tmp_path / "out").iterdir()} == {*case["files"], "results.json", "index.json"}


def test_borders_of_another_spacing_are_smooth(bright_model: MakeModel, tmp_path: Path) -> None:
    """The model sees 3 mm, the file has 1 mm: a nearest neighbor would make steps of three voxels."""
    array = ball((60, 60, 60), (1, 1, 1), 14)
    source = nifti(tmp_path / "in" / "case.nii.gz", array, np.diag([-1.0, -1.0, 1.0, 1.0]))
    model = bright_model(side=20, rules=RULES, spacing=[3.0, 3.0, 3.0])
    predict(model, source, tmp_path / "out")
    found, real = np.asarray(nib.load(tmp_path / "out" / "case.nii.gz").dataobj) > 0, array >= 500
    assert 2 * (found & real).sum() / (found.sum() + real.sum()) > 0.97
    coarse = real[1::3, 1::3, 1::3].repeat(3, 0).repeat(3, 1).repeat(3, 2)
    assert (found != real).sum() < 0.6 * (coarse != real).sum()


def test_a_case_that_fails_leaves_nothing_and_costs_no_other(
    bright_model: MakeModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "c"):
        nifti(tmp_path / "in" / f"{name}.nii.gz", np.full((32, 4, 32), 900))
    broken = np.full((32, 4, 32), 900.0)
    broken[3, 3, 3] = np.nan
    nifti(tmp_path / "in" / "b.nii.gz", broken)
    checkpoint = save(bright_model(side=32, rules=RULES, plane="sagittal"), tmp_path / "model.safetensors")
    out = tmp_path / "out"
    assert main(["predict", str(checkpoint), str(tmp_path / "in"), "--out", str(out)]) == 1
    said = capsys.readouterr()
    assert "b.nii.gz: 1 voxels are NaN" in said.err
    assert "2 of 3 cases" in said.out
    assert {p.name for p in out.iterdir()} == {
        *("a.nii.gz", "a.png", "c.nii.gz", "c.png"),
        *("results.json", "index.json"),
    }
    cases = json.loads((out / "results.json").read_text())["cases"]
    assert [case.get("error") for case in cases] == [None, "NonFiniteVoxelsError", None]


def test_the_images_are_not_written_over(bright_model: MakeModel, tmp_path: Path) -> None:
    source = nifti(tmp_path / "in" / "case.nii.gz", np.full((32, 32, 4), 900))
    before = source.read_bytes()
    for place in (source, source.parent):
        with pytest.raises(SaveError, match="holds the images"):
            predict(bright_model(side=32, rules=RULES), place, source.parent)
    assert source.read_bytes() == before


def test_dicom_by_position_with_a_segmentation_that_refers_to_every_slice(
    bright_model: MakeModel, make_series: Callable[..., list[Path]], edit: Callable[..., None], tmp_path: Path
) -> None:
    stored = np.random.default_rng(0).integers(500, 1000, (5, 32, 40))  # slope 2, intercept −1000
    files = make_series(stored)
    model = bright_model(side=32, values=(0, 3), rules=RULES)
    predict(model, files[0].parent, tmp_path / "one")
    series = read_dicom(files[0].parent)
    found = nib.load(tmp_path / "one" / f"{series.key}.nii.gz")
    np.testing.assert_allclose(found.affine, series.volume.affine, atol=1e-4)
    labels = np.asarray(found.dataobj)
    np.testing.assert_array_equal(labels, 3 * (series.volume.array >= 500))

    segments, names = read_dicom_seg(tmp_path / "one" / f"{series.key}.dcm")
    assert names == LabelSpace(("bright",), (1,))
    assert segments.grid.matches(series.volume.grid, tolerance=1e-4)
    np.testing.assert_array_equal(segments.array, labels // 3)
    seg = hd.seg.segread(tmp_path / "one" / f"{series.key}.dcm")
    referred = {i.ReferencedSOPInstanceUID for i in seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence}
    assert referred == {image.sop_instance for image in series.images}

    other = tmp_path / "shuffled"
    other.mkdir()
    for number, file in enumerate(files):
        edit(file, InstanceNumber=(3 * number) % 5 + 1)
        shutil.copy(file, other / f"{'dbaec'[number]}.dcm")
    predict(model, other, tmp_path / "two")
    again = nib.load(tmp_path / "two" / f"{series.key}.nii.gz")
    np.testing.assert_array_equal(np.asarray(again.dataobj), labels)
    np.testing.assert_array_equal(again.affine, found.affine)


def test_a_folder_of_series_of_which_one_lacks_a_slice(
    bright_model: MakeModel, make_series: Callable[..., list[Path]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(2):
        files = make_series(np.full((5, 32, 32), 900), folder=f"all/{number}", series=f"1.2.{number}")
    files[2].unlink()
    done = predict(bright_model(side=32, rules=RULES), tmp_path / "all", tmp_path / "out")
    assert done == Outcome(1, 1, "cases")
    assert "fetch the missing slices" in caplog.text
    assert sorted(p.suffix for p in (tmp_path / "out").iterdir()) == [".dcm", ".gz", ".json", ".json", ".png"]


def test_several_channels(bright_model: MakeModel, tmp_path: Path) -> None:
    """Of 2 channels and 3 slices the fourth is the second channel of the slice in the middle."""
    random = np.random.default_rng(0)
    arrays = [random.integers(0, 1001, (32, 32, 6)) for _ in range(2)]
    for number, array in enumerate(arrays):
        nifti(tmp_path / "in" / f"case_{number:04}.nii.gz", array, np.eye(4))
    predict(bright_model(side=32, rules=RULES * 2, in_chans=6), tmp_path / "in", tmp_path / "out")
    found = np.asarray(nib.load(tmp_path / "out" / "case.nii.gz").dataobj)
    np.testing.assert_array_equal(found, arrays[1] >= 500)
    nifti(tmp_path / "in" / "case_0001.nii.gz", arrays[1], np.diag([1, 1, 2.0, 1]))
    assert predict(bright_model(side=32, rules=RULES * 2, in_chans=6), tmp_path / "in", tmp_path / "out").failed == 1


def test_a_checkpoint_keeps_how_its_data_were_read(bright_model: MakeModel, tmp_path: Path) -> None:
    for number in range(4):
        nifti(tmp_path / "imagesTr" / f"{number}.nii.gz", np.arange(4096).reshape(16, 16, 16) + number)
        labels = np.zeros((16, 16, 16))
        labels[8:] = 1
        nifti(tmp_path / "labelsTr" / f"{number}.nii.gz", labels)
    how: dict[str, Any] = {"intensity": "ct", "plane": "sagittal", "spacing": (1, 1, 2), "mirror": ("superior",)}
    data = NiftiFolder(NiftiFolder.Options(root=str(tmp_path), patient="(.+)", split="train", folds=2, **how))
    model = bright_model(side=16, **{k: v for k, v in (data.reader or {}).items() if k != "name"})
    loaded = load(save(model, tmp_path / "model.safetensors"))
    assert loaded.recipe.reader == data.reader
    reader = reader_of(loaded)
    assert reader.rules == data.rules  # type: ignore[attr-defined]
    assert reader.options.spacing == (1, 1, 2)


def test_what_cannot_be_predicted(bright_model: MakeModel, tmp_path: Path) -> None:
    source = nifti(tmp_path / "in" / "case.nii.gz", np.full((32, 32, 4), 900))
    with pytest.raises(OptionError, match="no intensity rule 'z-scor'"):
        predict(bright_model(side=32, rules=[{"rule": "z-scor"}]), source, tmp_path / "out")
    with pytest.raises(OptionError, match="in_chans is 4"):
        predict(bright_model(side=32, rules=RULES, in_chans=4), source, tmp_path / "out")
    model = create("classification/resnet18", labels=["a", "b"], from_level="c5")
    model.recipe = bright_model(side=32, rules=RULES).recipe
    with pytest.raises(DataError, match="no head that gives every voxel a class"):
        predict(model, source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_real_ct(bright_model: MakeModel, shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    folder = shared_data("dicom") / "ct-3slice"
    model = bright_model(side=512, rules=[WindowRule(((40.0, 400.0),)).to_dict()], level=8192)
    assert predict(model, folder, tmp_path).done == 1
    series = read_dicom(folder)
    segments, _ = read_dicom_seg(tmp_path / f"{series.key}.dcm")
    expected = (series.volume.array + 160) / 400 * 8192 >= 8191.5
    np.testing.assert_array_equal(segments.array > 0, expected)
    np.testing.assert_array_equal(np.asarray(nib.load(tmp_path / f"{series.key}.nii.gz").dataobj) > 0, expected)


def test_formats_are_chosen_and_one_that_fails_does_not_stop_the_others(
    bright_model: MakeModel,
    make_series: Callable[..., list[Path]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = make_series(np.full((4, 32, 32), 900))
    checkpoint = str(save(bright_model(side=32, rules=RULES), tmp_path / "model.safetensors"))
    out = tmp_path / "some"
    command = ["predict", checkpoint, str(files[0].parent), "--out"]
    assert main([*command, str(out), "--formats", "seg,png"]) == 0
    assert sorted(p.suffix for p in out.iterdir()) == [".dcm", ".json", ".json", ".png"]

    def refuse(*args: object, **options: object) -> None:
        raise ValueError("DOE^JANE")

    monkeypatch.setattr(hd.seg, "Segmentation", refuse)
    assert main([*command, str(tmp_path / "all")]) == 1
    assert sorted(p.suffix for p in (tmp_path / "all").iterdir()) == [".gz", ".json", ".json", ".png"]
    (case,) = json.loads((tmp_path / "all" / "results.json").read_text())["cases"]
    assert "no DICOM segmentation can be made" in case["not_written"]["seg"]
    printed = capsys.readouterr()
    assert "no DICOM segmentation can be made for this series (ValueError)" in printed.err
    assert "DOE" not in printed.err
    assert main([*command, str(out), "--formats", "nrrd"]) == 2
    assert main([*command, str(out), "--fromats", "png"]) == 2
    assert "Did you mean formats" in capsys.readouterr().err


def test_a_segmentation_of_nifti_is_refused_where_it_is_asked_for(bright_model: MakeModel, tmp_path: Path) -> None:
    source = nifti(tmp_path / "in" / "case.nii.gz", np.full((32, 32, 32), 900))
    options = VolumeRequestOptions(formats=("seg", "nifti"))
    done = predict(bright_model(side=32, rules=RULES), source, tmp_path / "out", options=options)
    assert done == Outcome(0, 1, "cases")
    assert (tmp_path / "out" / "case.nii.gz").is_file()


def test_gaps_are_allowed_as_the_message_recommends(
    bright_model: MakeModel,
    make_series: Callable[..., list[Path]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    places = np.array([[0.0, 0.0, 10.0 * k] for k in range(4)])
    files = make_series(np.full((4, 32, 32), 900), positions=places)
    checkpoint = str(save(bright_model(side=32, rules=RULES), tmp_path / "model.safetensors"))
    command = ["predict", checkpoint, str(files[0].parent), "--out", str(tmp_path / "out")]
    assert main(command) == 1
    assert "--gaps allow" in capsys.readouterr().err
    assert main([*command, "--gaps", "allow"]) == 0


def test_the_index_leads_back_to_the_series(
    bright_model: MakeModel, make_series: Callable[..., list[Path]], tmp_path: Path
) -> None:
    for number in range(2):
        make_series(np.full((4, 32, 32), 900), folder=f"all/{number}", series=f"1.2.{number}")
    predict(bright_model(side=32, rules=RULES), tmp_path / "all", tmp_path / "out")
    cases = json.loads((tmp_path / "out" / "index.json").read_text())["cases"]
    results = json.loads((tmp_path / "out" / "results.json").read_text())["cases"]
    assert {cases[result["case"]]["series_instance_uid"] for result in results} == {"1.2.0", "1.2.1"}
    assert {Path(case["folder"]).name for case in cases.values()} == {"0", "1"}
    assert (tmp_path / "out" / "index.json").stat().st_mode & 0o077 == 0
