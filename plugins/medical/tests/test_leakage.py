from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from hub_medical.io.nifti import read_nifti
from hub_medical.leakage import find_leaks
from hub_medical.volumes.resample import to_canonical
from hub_medical.volumes.slicing import take_planes


def hippocampi(shared_data: Callable[[str], Path], count: int) -> list[list[np.ndarray]]:
    files = sorted((shared_data("hippocampus") / "imagesTr").glob("*.nii.gz"))[:count]
    return [list(take_planes(to_canonical(read_nifti(f)).array, "axial")) for f in files]


def test_copies_are_found_whatever_was_done_to_their_grey_values(shared_data: Callable[[str], Path]) -> None:
    volumes = hippocampi(shared_data, 4)
    train = [plane for volume in volumes for plane in volume]
    plane = volumes[2][10]
    at = next(number for number, other in enumerate(train) if other is plane)
    noise = np.random.default_rng(0).normal(0, 0.01 * np.ptp(plane), plane.shape)
    copies = [
        plane.copy(),
        (plane / plane.max() * 255).astype(np.uint8),
        plane * 0.3 + 40,
        plane + noise,
        cv2.resize(plane, None, fx=1.5, fy=1.5),
    ]
    leaks = find_leaks(train, copies)
    assert [leak.train for leak in leaks] == [at] * len(copies)
    assert [leak.kind for leak in leaks] == ["duplicate"] + ["near"] * 4


def test_neighbouring_slices_are_found_and_other_patients_are_not(shared_data: Callable[[str], Path]) -> None:
    volumes = hippocampi(shared_data, 40)
    by_slice = find_leaks([p for v in volumes for p in v[::2]], [p for v in volumes for p in v[1::2]])
    assert len(by_slice) > 0.4 * sum(len(v[1::2]) for v in volumes)
    by_patient = find_leaks([p for v in volumes[:20] for p in v], [p for v in volumes[20:] for p in v])
    assert by_patient == []


def test_constant_slices_are_like_no_other() -> None:
    empty = np.zeros((8, 8))
    assert find_leaks([empty], [empty, empty + 1]) == []
    assert find_leaks([], [empty]) == find_leaks([empty], []) == []
