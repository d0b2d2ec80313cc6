"""Masks on fixed grids give the same mask targets as full-size masks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.ops import roi_align

from hub.contract.box_masks import GRID_SIDE, BoxMasks
from hub.contract.instance_masks import InstanceMasks


def ellipse(size: tuple[int, int], box: tuple[float, float, float, float]) -> np.ndarray:
    y, x = np.arange(size[0])[:, None] + 0.5, np.arange(size[1]) + 0.5
    (x1, y1, x2, y2) = box
    return ((2 * x - x1 - x2) / (x2 - x1)) ** 2 + ((2 * y - y1 - y2) / (y2 - y1)) ** 2 <= 1


def both(plane: np.ndarray, box: list[float], bins: int = 28) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the target from the grid, and torchvision's from the full-size mask."""
    masks = BoxMasks.pack([InstanceMasks.from_planes(plane[None])], 1)
    boxes, index = torch.tensor([box]), torch.tensor([0])
    rois = torch.cat([torch.zeros(1, 1), masks.to_grid(index, boxes)], 1)
    ours = roi_align(masks.values[0][None].float(), rois, bins)[0, 0] / 255
    full = torch.from_numpy(plane).float()[None, None]
    theirs = roi_align(full, torch.cat([torch.zeros(1, 1), boxes], 1), bins)[0, 0]
    return ours, theirs


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_targets_of_objects_that_fit_are_torchvisions_everywhere(seed: int) -> None:
    rng = np.random.default_rng(seed)
    plane = np.zeros((150, 170), bool)
    height, width = rng.integers(1, GRID_SIDE - 1, 2)
    top, left = rng.integers(0, 151 - height), rng.integers(0, 171 - width)
    plane[top : top + height, left : left + width] = rng.random((height, width)) < 0.7
    moved = np.array([left, top, left + width, top + height]) + rng.normal(0, 0.15, 4) * np.tile([width, height], 2)
    box = np.clip(moved, 0, [169, 149, 170, 150]).astype(np.float32)
    box[2:] = np.maximum(box[2:], box[:2] + 1)
    ours, theirs = both(plane, box.tolist())
    torch.testing.assert_close(ours, theirs, atol=2e-5, rtol=0)


@pytest.mark.parametrize("size", [(800, 1333), (1333, 800)])
@pytest.mark.parametrize("part", [(0.0, 0.0, 1.0, 1.0), (0.1, 0.2, 0.7, 0.9), (-0.3, 0.3, 0.5, 1.4)])
def test_targets_of_large_objects_are_torchvisions_away_from_edges(
    size: tuple[int, int], part: tuple[float, ...]
) -> None:
    height, width = size
    around = part[0] * width, part[1] * height, part[2] * width, part[3] * height
    plane = ellipse(size, around)
    rows, columns = np.flatnonzero(plane.any(1)), np.flatnonzero(plane.any(0))
    tight = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)
    for shift in ([0, 0, 0, 0], [-20, 13, 31, 7]):
        box = np.clip(tight + np.array(shift), 0, [width, height] * 2).astype(np.float32)
        ours, theirs = both(plane, box.tolist())
        pool = torch.nn.functional.max_pool2d
        near = (pool(theirs[None], 3, 1, 1) + pool(-theirs[None], 3, 1, 1))[0] > 0  # cells that differ: an edge
        assert (ours - theirs)[~near].abs().max() <= 1 / 255
        assert (ours - theirs).abs().max() < 0.12
        assert (ours - theirs).abs().mean() < 0.002
        assert (~near).float().mean() > 0.5


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_full_size_masks_come_back(seed: int) -> None:
    rng = np.random.default_rng(seed)
    planes = np.zeros((2, 3, 90, 120), bool)
    for plane in planes.reshape(-1, 90, 120)[:-1]:
        height, width = rng.integers(0, (90, 120))
        top, left = rng.integers(0, 91 - height), rng.integers(0, 121 - width)
        plane[top : top + height, left : left + width] = rng.random((height, width)) < 0.5
    masks = BoxMasks.from_planes(torch.from_numpy(planes))
    assert torch.equal(masks.planes((96, 128))[..., :90, :120], torch.from_numpy(planes))
    assert not masks.planes((96, 128))[..., 90:, :].any()


def test_large_masks_come_back_with_little_loss_at_the_edge() -> None:
    plane = ellipse((800, 1333), (100, 50, 1200, 780))
    found = BoxMasks.from_planes(torch.from_numpy(plane)[None, None]).planes((800, 1333))[0, 0].numpy()
    assert (found & plane).sum() / (found | plane).sum() > 0.995


def test_a_crowded_batch_stays_small() -> None:
    """16 images of 800 × 1333 with 100 objects each."""
    plane = InstanceMasks.from_planes(ellipse((800, 1333), (100, 50, 1200, 780))[None])
    one = BoxMasks.pack([plane], 100)
    assert 16 * (one.values.nbytes + one.boxes.nbytes) < 50e6
