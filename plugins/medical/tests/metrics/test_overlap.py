from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import surface_distance
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.metrics import compute_dice, compute_hausdorff_distance, compute_surface_dice

from hub_medical.errors import MetricError
from hub_medical.io.volume_files import read_labels
from hub_medical.metrics import score_structure

SPACING = (0.9, 1.4, 3.1)


def monai(prediction: np.ndarray, reference: np.ndarray, spacing: tuple[float, ...], tolerance: float) -> list[float]:
    p, r = (torch.from_numpy(m.astype(np.float32))[None, None] for m in (prediction, reference))
    return [
        float(compute_dice(p, r)),
        float(compute_surface_dice(p, r, [tolerance], include_background=True, spacing=spacing)),
        float(compute_hausdorff_distance(p, r, include_background=True, percentile=95, spacing=spacing)),
    ]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.05, 0.9))
def test_random_masks_as_monai(seed: int, share: float) -> None:
    random = np.random.default_rng(seed)
    prediction, reference = (random.random((2, 7, 6, 5)) < share).astype(bool)
    prediction[0, 0, 0] = reference[-1, -1, -1] = True
    score = score_structure(prediction, reference, SPACING, tolerance=1.5)
    expected = monai(prediction, reference, SPACING, 1.5)
    np.testing.assert_allclose([score.dice, score.nsd, score.hd95], expected, atol=1e-4)


def real_pairs(shared_data: Callable[[str], Path]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Two people's hippocampi over each other: unlike enough for every metric."""
    files = sorted((shared_data("hippocampus") / "labelsTr").glob("*.nii.gz"))[:4]
    arrays = [read_labels(f).array[:32, :44, :30] for f in files]
    return [(arrays[i] == value, arrays[i + 1] == value) for i in range(3) for value in (1, 2)]


def test_real_masks_as_monai_and_surface_distance(shared_data: Callable[[str], Path]) -> None:
    for prediction, reference in real_pairs(shared_data):
        score = score_structure(prediction, reference, SPACING, tolerance=2.0)
        expected = monai(prediction, reference, SPACING, 2.0)
        np.testing.assert_allclose([score.dice, score.nsd, score.hd95], expected, atol=1e-4)
        # Surface elements between voxels, weighted by area: other surfaces, at most a voxel away.
        distances = surface_distance.compute_surface_distances(reference, prediction, SPACING)
        assert score.dice == pytest.approx(surface_distance.compute_dice_coefficient(reference, prediction))
        assert score.hd95 == pytest.approx(surface_distance.compute_robust_hausdorff(distances, 95), abs=max(SPACING))


def test_on_finer_grids_nsd_comes_to_that_of_surface_distance(shared_data: Callable[[str], Path]) -> None:
    """The two define surfaces differently; what remains on a coarse grid is discretisation, and goes with it."""

    def gap(fine: int) -> float:
        spacing = tuple(s / fine for s in SPACING)
        gaps = []
        for pair in real_pairs(shared_data)[:2]:
            prediction, reference = (np.kron(mask, np.ones((fine,) * 3, bool)) for mask in pair)
            distances = surface_distance.compute_surface_distances(reference, prediction, spacing)
            theirs = surface_distance.compute_surface_dice_at_tolerance(distances, 2.0)
            gaps.append(abs(score_structure(prediction, reference, spacing, tolerance=2.0).nsd - theirs))
        return float(np.mean(gaps))

    coarse, fine, finer = gap(1), gap(2), gap(4)
    assert fine < 0.75 * coarse
    assert finer < 0.75 * fine
    assert finer < 0.04


def test_missing_and_absent_structures() -> None:
    some, none = np.zeros((2, 4, 5, 6), bool)
    some[1:3, 1:3, 1:3] = True
    diagonal = float(np.linalg.norm([4 * 0.9, 5 * 1.4, 6 * 3.1]))
    missed, vain = (score_structure(*pair, SPACING, tolerance=1) for pair in ((none, some), (some, none)))
    for score in (missed, vain):
        assert (score.dice, score.nsd) == (0, 0)
        assert score.hd95 == pytest.approx(diagonal)
    assert (missed.missed, missed.false_positives, vain.missed, vain.false_positives) == (True, False, False, True)
    absent = score_structure(none, none, SPACING, tolerance=1)
    assert np.isnan([absent.dice, absent.nsd, absent.hd95]).all()
    perfect = score_structure(some, some, SPACING, tolerance=1)
    assert (perfect.dice, perfect.nsd, perfect.hd95) == (1, 1, 0)
    assert perfect.volume == pytest.approx(8 * np.prod(SPACING) / 1000)


def test_shapes_must_fit() -> None:
    with pytest.raises(MetricError, match="do not fit"):
        score_structure(np.ones((2, 2), bool), np.ones((2, 2), bool), (1, 1, 1), tolerance=1)
