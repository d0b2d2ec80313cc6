"""The drawn images of the kit, and the maps and tags that a head asks for beside them."""

from __future__ import annotations

import numpy as np

from hub import LabelSpace
from hub.testing import IMAGE_SIZE, TinyDataset


def test_maps_may_have_further_axes() -> None:
    side = IMAGE_SIZE
    volume = np.random.default_rng(0).integers(0, 2, (2, 5, side, side)).astype(np.uint8)
    dataset = TinyDataset(LabelSpace.of(["a", "b"]), targets={"semantic": volume, "scores": np.zeros((2, 5, side))})
    needs = frozenset({"semantic", "scores"})
    batch = dataset.batch(needs, in_chans=5)
    assert batch.images.shape == (2, 5, side, side)
    assert batch.maps["semantic"].shape == (2, 5, side, side)
    assert batch.tags["scores"].shape == (2, 5, side)
    height, width = batch.sizes[1].tolist()
    np.testing.assert_array_equal(batch.maps["semantic"][1, :, :height, :width], volume[1, :, :height, :width])
    file = dataset.load(1, needs).maps["semantic"]
    np.testing.assert_array_equal(file[:, ::2, ::2], volume[1, :, :height, :width])
