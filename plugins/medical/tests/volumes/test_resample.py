from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_medical.errors import GridMismatchError
from hub_medical.io.nifti import read_nifti
from hub_medical.io.volume_files import read_labels
from hub_medical.volumes.resample import canonical_grid, restore, restore_scores, to_canonical, to_grid
from hub_medical.volumes.volume import Grid, Volume

SHAPES = st.tuples(*[st.integers(1, 9)] * 3)
SPACINGS = st.tuples(*[st.floats(0.4, 5)] * 3)


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    """Any order and direction of axes, slightly oblique."""
    turn = np.eye(3)[list(draw(st.permutations(range(3))))] * draw(
        st.tuples(*[st.sampled_from((-1.0, 1.0))] * 3).map(np.array)
    )
    angle = draw(st.floats(-0.3, 0.3))
    tilt = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = tilt @ turn @ np.diag(draw(SPACINGS))
    affine[:3, 3] = draw(st.tuples(*[st.floats(-100, 100)] * 3))
    return Grid(draw(SHAPES), affine)


@settings(max_examples=60, deadline=None)
@given(grids(), st.integers(0, 2**32 - 1))
def test_turning_the_axes_is_nibabels_and_comes_back_bit_for_bit(grid: Grid, seed: int) -> None:
    array = np.random.default_rng(seed).integers(0, 9, grid.shape).astype(np.uint8)
    canonical = to_canonical(Volume(array, grid), interpolation="nearest")
    oracle = nib.as_closest_canonical(nib.Nifti1Image(array, grid.affine))
    np.testing.assert_array_equal(canonical.array, np.asarray(oracle.dataobj))
    np.testing.assert_allclose(canonical.affine, oracle.affine, atol=1e-6)
    assert canonical.orientation == "RAS"
    back = restore(canonical, grid)
    np.testing.assert_array_equal(back.array, array)
    assert back.grid is grid


def in_slabs(scores: np.ndarray, axis: int, size: int) -> list[tuple[int, np.ndarray]]:
    moved = np.moveaxis(scores, axis + 1, 1)
    return [(start, moved[:, start : start + size]) for start in range(0, moved.shape[1], size)]


@settings(max_examples=60, deadline=None)
@given(grids(), st.integers(0, 2**32 - 1), st.integers(0, 2), st.integers(1, 4), SPACINGS)
def test_scores_in_slabs_are_interpolated_as_whole_volumes_are(
    grid: Grid, seed: int, axis: int, size: int, spacing: tuple[float, float, float]
) -> None:
    canonical = canonical_grid(grid, spacing)
    scores = np.random.default_rng(seed).random((3, *canonical.shape), np.float32)
    found = restore_scores(in_slabs(scores, axis, size), axis, canonical, grid)
    whole = np.stack([to_grid(Volume(one, canonical), grid, interpolation="linear").array for one in scores])
    best, second = np.sort(whole, axis=0)[[-1, -2]]
    clear = best - second > 1e-4
    np.testing.assert_array_equal(found.array[clear], whole.argmax(axis=0)[clear])
    assert found.grid is grid


@settings(max_examples=30, deadline=None)
@given(grids(), st.integers(0, 2**32 - 1), st.integers(0, 2))
def test_scores_at_the_files_own_spacing_come_back_exactly(grid: Grid, seed: int, axis: int) -> None:
    canonical = canonical_grid(grid)
    scores = np.random.default_rng(seed).random((4, *canonical.shape), np.float32)
    found = restore_scores(in_slabs(scores, axis, 2), axis, canonical, grid)
    best = Volume(scores.argmax(axis=0).astype(np.uint8), canonical)
    np.testing.assert_array_equal(found.array, restore(best, grid).array)


def test_missing_planes_of_scores_are_refused() -> None:
    grid = Grid((4, 5, 6), np.eye(4))
    slabs = in_slabs(np.zeros((2, 4, 5, 6), np.float32), 2, 2)
    for some in (slabs[:-1], slabs[::2], []):
        with pytest.raises(GridMismatchError, match="for the 6 of the grid"):
            restore_scores(some, 2, grid, grid)


@settings(max_examples=60, deadline=None)
@given(grids(), st.integers(0, 2**32 - 1), st.floats(0.3, 0.999))
def test_labels_on_a_finer_grid_come_back_as_they_were(grid: Grid, seed: int, finer: float) -> None:
    array = np.random.default_rng(seed).integers(0, 3, grid.shape).astype(np.uint8)
    spacing = finer * np.array(canonical_grid(grid).spacing)
    fine = to_canonical(Volume(array, grid), spacing, interpolation="nearest")
    np.testing.assert_allclose(fine.spacing, spacing, rtol=1e-4)
    np.testing.assert_array_equal(restore(fine, grid).array, array)


@settings(max_examples=40, deadline=None)
@given(grids(), SPACINGS)
def test_any_spacing_keeps_the_centre_and_the_way_back_keeps_the_grid(
    grid: Grid, spacing: tuple[float, float, float]
) -> None:
    volume = to_canonical(Volume(np.ones(grid.shape, np.float32), grid), spacing)
    np.testing.assert_allclose(volume.array, 1, atol=1e-5)
    middles = [g.affine @ [*((np.array(g.shape) - 1) / 2), 1] for g in (grid, volume.grid)]
    np.testing.assert_allclose(*middles, atol=1e-6)
    back = restore(volume, grid)
    assert back.array.shape == grid.shape
    np.testing.assert_allclose(back.affine, grid.affine, atol=1e-4)


@pytest.mark.parametrize("interpolation", ["linear", "nearest"])
def test_values_are_those_of_itk(interpolation: str) -> None:
    random = np.random.default_rng(0)
    affine = np.diag([-1.5, 0.8, -3.0, 1.0])
    source = Volume.of(random.normal(size=(12, 14, 9)).astype(np.float32), affine)
    target = canonical_grid(source.grid, (1.13, 0.97, 2.31))  # no half-way points: there, either is nearest
    ours = to_grid(source, target, interpolation=interpolation).array
    image = sitk.GetImageFromArray(source.array.transpose(2, 1, 0))
    image.SetSpacing(source.spacing)
    image.SetDirection((1, 0, 0, 0, -1, 0, 0, 0, -1))  # LPS: x and y change sign
    image.SetOrigin((0, 0, 0))
    theirs = sitk.Resample(
        image,
        target.shape,
        sitk.Transform(),
        sitk.sitkLinear if interpolation == "linear" else sitk.sitkNearestNeighbor,
        (-target.affine[0, 3], -target.affine[1, 3], target.affine[2, 3]),
        target.spacing,
        (-1, 0, 0, 0, -1, 0, 0, 0, 1),
        np.nan,
    )
    oracle = sitk.GetArrayFromImage(theirs).transpose(2, 1, 0)
    known = np.isfinite(oracle)
    assert known.mean() > 0.5
    np.testing.assert_allclose(ours[known], oracle[known], atol=1e-4)


def test_rotated_grids_are_refused() -> None:
    turned = np.eye(4)
    turned[:2, :2] = [[0.8, -0.6], [0.6, 0.8]]
    with pytest.raises(GridMismatchError, match="rotated against each other"):
        to_grid(Volume.of(np.zeros((3, 3, 3)), np.eye(4)), Grid((3, 3, 3), turned), interpolation="linear")


def test_real_labels_through_an_anisotropic_spacing(shared_data: Callable[[str], Path]) -> None:
    root = shared_data("hippocampus")
    for path in sorted((root / "labelsTr").glob("*.nii.gz"))[:5]:
        labels = read_labels(path)
        fine = to_canonical(labels, (0.7, 0.9, 0.6), interpolation="nearest")
        np.testing.assert_array_equal(restore(fine, labels.grid).array, labels.array)
        image = to_canonical(read_nifti(root / "imagesTr" / path.name), (0.7, 0.9, 0.6))
        assert image.grid.matches(fine.grid)
