from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import highdicom as hd
import numpy as np
import pytest

from hub import LabelSpace
from hub_medical.errors import DicomError, GridMismatchError, UnknownLabelError
from hub_medical.io.dicom import read_dicom
from hub_medical.io.dicom_seg import read_dicom_seg, write_dicom_seg
from hub_medical.volumes.resample import restore, to_canonical
from hub_medical.volumes.volume import Volume

NAMES = LabelSpace(("background", "liver", "tumour"), (0, 3, 7))


@pytest.mark.parametrize("down", [1, -1])
def test_round_trip_with_gaps_in_the_values_and_empty_slices(
    make_series: Callable[..., list[Path]], tmp_path: Path, down: int
) -> None:
    random = np.random.default_rng(0)
    places = np.array([[-10.0, 5.0, down * 2.5 * k] for k in range(5)])
    files = make_series(random.integers(0, 900, (5, 16, 24)), positions=places)
    series = read_dicom(files[0].parent)
    array = random.choice([0, 3, 7], series.volume.array.shape).astype(np.uint8)
    array[:, :, [0, 3]] = 0
    path = write_dicom_seg(tmp_path / "seg.dcm", series.volume.with_array(array), series, NAMES)
    labels, names = read_dicom_seg(path)
    assert names == LabelSpace(("liver", "tumour"), (1, 2))
    assert labels.grid.matches(series.volume.grid, tolerance=1e-4)
    np.testing.assert_array_equal(np.array([0, 3, 7])[labels.array], array)
    seg = hd.seg.segread(path)
    referred = {i.ReferencedSOPInstanceUID for i in seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence}
    assert referred == {image.sop_instance for image in series.images}
    # Frame by frame: each refers to the slice that it lies on.
    by_source = seg.get_pixels_by_source_instance([i.sop_instance for i in series.images], combine_segments=True)
    np.testing.assert_array_equal(by_source.transpose(2, 1, 0), labels.array)


def test_what_is_refused_leaves_nothing(make_series: Callable[..., list[Path]], tmp_path: Path) -> None:
    series = read_dicom(make_series(np.zeros((3, 8, 8)))[0].parent)
    empty = np.zeros(series.volume.array.shape, np.uint8)
    with pytest.raises(GridMismatchError, match="has another affine"):
        write_dicom_seg(tmp_path / "seg.dcm", Volume.of(empty, np.eye(4)), series, NAMES)
    with pytest.raises(UnknownLabelError, match="label 1 has no name"):
        write_dicom_seg(tmp_path / "seg.dcm", series.volume.with_array(empty + 1), series, NAMES)
    assert not (tmp_path / "seg.dcm").exists()
    with pytest.raises(DicomError, match="as a DICOM segmentation"):
        read_dicom_seg(next((tmp_path / "series").iterdir()))


def test_the_real_liver(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    folder = shared_data("dicom")
    series = read_dicom(folder / "ct-3slice")
    liver, names = read_dicom_seg(folder / "liver.dcm")
    assert liver.grid.matches(series.volume.grid)
    assert 20 < np.median(series.volume.array[liver.array == 1]) < 90  # HU of liver
    # As a prediction comes: in the canonical grid at another spacing, and back.
    canonical = to_canonical(liver, (0.6, 0.6, 0.8), interpolation="nearest")
    back, _ = read_dicom_seg(
        write_dicom_seg(tmp_path / "seg.dcm", restore(canonical, series.volume.grid), series, names)
    )
    np.testing.assert_array_equal(back.array, liver.array)
