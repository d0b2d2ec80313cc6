from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.uid import JPEGLSLossless, RLELossless

from hub_medical.errors import (
    ColorDicomError,
    DicomError,
    DuplicateSliceError,
    EmptySeriesError,
    GantryTiltError,
    MissingDecoderError,
    MissingSliceError,
    MixedSeriesError,
)
from hub_medical.io import dicom_pixels
from hub_medical.io.dicom import read_dicom, read_picture
from hub_medical.io.dicom_scan import is_dicom, scan_dicom
from hub_medical.volumes.intensity import window_rule

MakeSeries = Callable[..., list[Path]]
STORED = np.random.default_rng(0).integers(0, 1000, (5, 6, 7)).astype(np.int16)


def test_slope_intercept_and_geometry_as_itk_reads_them(make_series: MakeSeries) -> None:
    files = make_series(STORED)
    volume = read_dicom(files[0].parent).volume
    image = sitk.ReadImage([str(f) for f in files])
    voxels = sitk.GetArrayFromImage(image)
    assert volume.spacing == (0.7, 0.8, 2.5)
    for at in ((0, 0, 0), (6, 5, 4), (3, 2, 1)):
        place = volume.affine @ [*at, 1]
        index = image.TransformPhysicalPointToIndex((-place[0], -place[1], place[2]))
        assert volume.array[at] == voxels[index[::-1]]
    assert set(np.unique(volume.array)) == set(np.unique(2.0 * STORED - 1000))


def test_names_and_numbers_change_nothing(make_series: MakeSeries, edit: Callable[..., None], tmp_path: Path) -> None:
    files = make_series(STORED)
    before = read_dicom(files[0].parent)
    other = tmp_path / "shuffled" / "deep"
    other.mkdir(parents=True)
    for number, file in enumerate(files):
        edit(file, InstanceNumber=(7 * number) % 5 + 1, SliceLocation=float(-number * 3 % 4))
        shutil.copy(file, other / f"{'cadbe'[number]}.dcm")
    (other / "readme.txt").write_text("not an image")
    after = read_dicom(tmp_path / "shuffled")
    np.testing.assert_array_equal(after.volume.array, before.volume.array)
    np.testing.assert_array_equal(after.volume.affine, before.volume.affine)
    assert after.key == before.key
    # The images come in the order of k, whichever way that runs.
    for k, image in enumerate(after.images):
        place = after.volume.affine @ [0, 0, k, 1]
        np.testing.assert_allclose(place[:3] * [-1, -1, 1], image.position, atol=1e-6)


def sheared(n: int) -> np.ndarray:
    return np.array([[0, 0.4 * k, 2.5 * k] for k in range(n)])


@pytest.mark.parametrize(
    ("error", "why", "positions", "changes"),
    [
        (MissingSliceError, "slice_03.dcm follows slice_02.dcm at 5 mm", [0, 2.5, 5, 10, 12.5], {}),
        (MissingSliceError, "follow each other at 5 mm, but are only 2.5 mm thick", [0, 5, 10, 15, 20], {}),
        (
            MissingSliceError,
            "but are 2 mm apart",
            [0, 4, 8, 12, 16],
            {"SpacingBetweenSlices": 2.0, "SliceThickness": 5},
        ),
        (DuplicateSliceError, "slice_01.dcm and slice_02.dcm lie at the same position", [0, 2.5, 2.5, 5, 7.5], {}),
        (ColorDicomError, "in color", None, {"PhotometricInterpretation": "RGB", "SamplesPerPixel": 3}),
        (DicomError, "no ImagePositionPatient", None, {"ImagePositionPatient": None}),
    ],
)
def test_what_makes_no_volume(
    make_series: MakeSeries, error: type[DicomError], why: str, positions: list[float] | None, changes: dict[str, Any]
) -> None:
    places = None if positions is None else np.array([[0.0, 0.0, z] for z in positions])
    files = make_series(STORED, positions=places, **changes)
    with pytest.raises(error, match=why):
        read_dicom(files[0].parent)


def test_even_gaps_can_be_allowed(make_series: MakeSeries) -> None:
    files = make_series(STORED, positions=np.array([[0.0, 0.0, 10.0 * k] for k in range(5)]))
    assert read_dicom(files[0].parent, gaps=True).volume.spacing[2] == 10


def test_a_tilted_gantry(make_series: MakeSeries) -> None:
    files = make_series(STORED, positions=sheared(5))
    with pytest.raises(GantryTiltError, match="sheared against each other"):
        read_dicom(files[0].parent)


def test_mixed_slices_and_series(make_series: MakeSeries, edit: Callable[..., None]) -> None:
    files = make_series(STORED)
    edit(files[2], ImageOrientationPatient=[1, 0, 0, 0, 0, -1])
    with pytest.raises(MixedSeriesError, match="differ in ImageOrientationPatient"):
        read_dicom(files[0].parent)
    files = make_series(STORED, folder="two", series="1.2.3")
    make_series(STORED, folder="two/other", series="1.2.4")
    with pytest.raises(MixedSeriesError, match="several series"):
        read_dicom(files[0].parent)
    assert {uid: len(h) for uid, h in scan_dicom(files[0].parent).series.items()} == {"1.2.3": 5, "1.2.4": 5}
    assert read_dicom(files[0].parent, series="1.2.4").volume.array.shape == (7, 6, 5)


def test_an_empty_series(tmp_path: Path, make_series: MakeSeries) -> None:
    with pytest.raises(EmptySeriesError, match="holds no DICOM image"):
        read_dicom(tmp_path)
    with pytest.raises(EmptySeriesError, match="does not exist"):
        read_dicom(tmp_path / "none")
    with pytest.raises(EmptySeriesError, match="no such series"):
        read_dicom(make_series(STORED)[0].parent, series="9.9")
    (tmp_path / "x.dcm").write_text("no")
    with pytest.raises(DicomError, match="is not a DICOM file"):
        read_dicom(tmp_path / "x.dcm")


def test_compressed_pixels(make_series: MakeSeries, monkeypatch: pytest.MonkeyPatch) -> None:
    files = make_series(STORED)
    before = read_dicom(files[0].parent).volume.array
    for file in files:
        header = pydicom.dcmread(file)
        header.compress(RLELossless, generate_instance_uid=False)
        header.save_as(file)
    np.testing.assert_array_equal(read_dicom(files[0].parent).volume.array, before)

    class NoDecoder:
        is_available = False

    monkeypatch.setattr(dicom_pixels, "get_decoder", lambda syntax: NoDecoder)
    header = pydicom.dcmread(files[0])
    header.file_meta.TransferSyntaxUID = JPEGLSLossless
    header.save_as(files[0])
    with pytest.raises(MissingDecoderError, match="JPEG-LS Lossless"):
        read_dicom(files[0].parent)


def test_monochrome1_changes_pictures_and_not_intensities(make_series: MakeSeries) -> None:
    changes = {"WindowCenter": 0, "WindowWidth": 1000}
    one, two = (
        make_series(STORED, folder=kind, PhotometricInterpretation=kind, **changes)
        for kind in ("MONOCHROME1", "MONOCHROME2")
    )
    np.testing.assert_array_equal(*(read_dicom(files[0].parent).volume.array for files in (one, two)))
    shown, inverted = read_picture(two[0]), read_picture(one[0])
    np.testing.assert_allclose(inverted, 1 - shown, atol=1e-6)
    linear = ((2.0 * STORED[0] - 1000 - (0 - 0.5)) / (1000 - 1) + 0.5).clip(0, 1)  # PS3.3, C.11.2.1.2.1
    np.testing.assert_allclose(shown, linear, atol=1e-5)


def test_a_picture_without_a_window_shows_the_whole_range(make_series: MakeSeries) -> None:
    one, two = (
        read_picture(make_series(STORED, folder=kind, PhotometricInterpretation=kind)[0])
        for kind in ("MONOCHROME1", "MONOCHROME2")
    )
    assert (two.min(), two.max(), two.argmax()) == (0, 1, STORED[0].argmax())
    np.testing.assert_allclose(one, 1 - two, atol=1e-6)


def test_multi_frame(make_series: MakeSeries, tmp_path: Path) -> None:
    from highdicom.legacy import LegacyConvertedEnhancedCTImage
    from pydicom.uid import generate_uid

    files = make_series(STORED, ImageType=["ORIGINAL", "PRIMARY", "AXIAL"], Manufacturer="x", StudyTime="101010")
    single = read_dicom(files[0].parent)
    frames = LegacyConvertedEnhancedCTImage([pydicom.dcmread(f) for f in files], generate_uid(), 1, generate_uid(), 1)
    frames.save_as(tmp_path / "frames.dcm")
    many = read_dicom(tmp_path / "frames.dcm")
    np.testing.assert_allclose(many.volume.affine, single.volume.affine)
    np.testing.assert_array_equal(many.volume.array, single.volume.array)


def test_real_ct(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    folder = shared_data("dicom") / "ct-3slice"
    volume = read_dicom(folder).volume
    air = volume.array[(volume.array > -1100) & (volume.array < -700)]
    assert abs(np.median(air) + 1000) < 60
    assert volume.spacing == pytest.approx((0.810547, 0.810547, 1.0))
    unit = window_rule(["40/400"]).unit(volume.array)[0]
    np.testing.assert_array_equal(unit[volume.array <= -160], 0)
    np.testing.assert_array_equal(unit[volume.array >= 240], 1)
    assert is_dicom(folder)
    for file in ("01.dcm", "03.dcm"):
        shutil.copy(folder / file, tmp_path)
    with pytest.raises(MissingSliceError, match="follow each other at 2 mm, but are only 1.25 mm thick"):
        read_dicom(tmp_path)


def test_real_slices_under_other_names_and_numbers(
    shared_data: Callable[[str], Path], edit: Callable[..., None], tmp_path: Path
) -> None:
    folder = shared_data("dicom") / "ct-3slice"
    before = read_dicom(folder)
    for number, file in enumerate(sorted(folder.iterdir())):
        shutil.copyfile(file, tmp_path / f"{'cab'[number]}.dcm")
        edit(tmp_path / f"{'cab'[number]}.dcm", InstanceNumber=(number * 2) % 3 + 1)
    after = read_dicom(tmp_path)
    np.testing.assert_array_equal(after.volume.array, before.volume.array)
    np.testing.assert_array_equal(after.volume.affine, before.volume.affine)
    assert after.key == before.key
