"""The generated images of the kit, with the maps and tags that a head needs."""

from __future__ import annotations

import numpy as np

from hub import FieldSpec, LabelSpace
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


def test_objects_have_as_many_keypoints_and_fields_as_a_head_wants() -> None:
    fields = {
        "angle": FieldSpec("angle"),
        "tip": FieldSpec("point"),
        "name": FieldSpec("text"),
        "track": FieldSpec("id"),
    }
    dataset = TinyDataset(LabelSpace.of(["a", "b"]), keypoints=5, fields=fields)
    batch = dataset.batch(dataset.provides)
    assert batch.instances is not None
    assert batch.instances.keypoints is not None
    assert batch.instances.keypoints.shape == (2, 3, 5, 3)
    assert batch.provides >= fields.keys()
    objects = dataset.load(0, dataset.provides).instances
    assert objects is not None
    np.testing.assert_allclose(objects.fields["tip"].values, 2 * batch.instances.fields["tip"][0].numpy())
    assert batch.instances.fields["track"][batch.instances.valid | batch.instances.crowd].unique().numel() == 5
    assert dataset.instances is not None
    assert dataset.fields == fields
