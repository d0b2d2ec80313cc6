from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hub.contract import Batch, InstanceTargets, pad_images
from hub.contract.box_masks import BoxMasks

sizes = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=1, max_size=4)


@given(sizes, st.sampled_from([1, 3]), st.sampled_from([1, 8, 32]))
def test_images_are_complete_inside_their_sizes_and_zero_outside(
    given_sizes: list[tuple[int, int]], channels: int, divisor: int
) -> None:
    images = [np.full((h, w, channels), 7, np.uint8) for h, w in given_sizes]
    padded, out = pad_images(images, divisor=divisor)
    assert out.tolist() == [list(size) for size in given_sizes]
    height, width = padded.shape[2:]
    assert height % divisor == width % divisor == 0
    assert height - divisor < max(h for h, _ in given_sizes) <= height
    assert width - divisor < max(w for _, w in given_sizes) <= width
    for row, (h, w) in zip(padded, given_sizes, strict=True):
        assert (row[:, :h, :w] == 7).all()
        assert int(row.sum()) == 7 * h * w * channels
    assert padded.dtype == torch.uint8


def test_padded_images_are_channels_last() -> None:
    padded, _ = pad_images([np.zeros((8, 8, 3), np.uint8)] * 2)
    assert padded.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("masks", [True, False])
def test_to_reaches_every_tensor(masks: bool) -> None:
    targets = InstanceTargets(
        boxes=torch.zeros(1, 2, 4), labels=torch.zeros(1, 2), valid=torch.zeros(1, 2), crowd=torch.zeros(1, 2),
        masks=BoxMasks.from_planes(torch.zeros(1, 2, 8, 8)) if masks else None,
        fields={"angle": torch.zeros(1, 2)}, texts={"name": [["a", ""]]},
    )  # fmt: skip
    batch = Batch(
        images=torch.zeros(1, 3, 8, 8), sizes=torch.zeros(1, 2), original_sizes=torch.zeros(1, 2), ids=["a"],
        instances=targets, maps={"depth": torch.zeros(1, 8, 8)}, tags={"scene": torch.zeros(1)},
    )  # fmt: skip
    moved = batch.to("meta")
    assert moved.instances is not None
    tensors = [moved.images, moved.sizes, moved.original_sizes, moved.maps["depth"], moved.tags["scene"]]
    found = moved.instances
    tensors += [found.boxes, found.labels, found.valid, found.crowd, found.fields["angle"]]
    tensors += [] if found.masks is None else [found.masks.values, found.masks.boxes]
    assert (found.masks is not None) == masks
    assert found.texts == targets.texts
    assert all(t.device.type == "meta" for t in tensors)
    assert moved.ids == ["a"]
    assert batch.images.device.type == "cpu", "the old batch is left alone"
    assert len(moved) == 1
