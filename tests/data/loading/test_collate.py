"""A batch has the content of its samples; padding is marked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from hub.contract.batch import InstanceTargets
from hub.contract.instance_masks import InstanceMasks
from hub.contract.sample import Instances, Sample
from hub.data.loading.collate import collate


def make_sample(height: int, width: int, count: int, *, crowd: tuple[int, ...] = (), rich: bool = True) -> Sample:
    rng = np.random.default_rng(height)
    flags = np.zeros(count, bool)
    flags[list(crowd)] = True
    return Sample(
        image=rng.integers(1, 256, (height, width, 3), np.uint8),
        id=f"image-{height}",
        path=Path("made.png"),
        original_size=(2 * height, 2 * width),
        instances=Instances(
            boxes=rng.uniform(1, 9, (count, 4)).astype(np.float32),
            labels=rng.integers(1, 9, count),
            crowd=flags,
            masks=InstanceMasks.from_planes(np.ones((count, height, width))) if rich else None,
            keypoints=rng.uniform(1, 9, (count, 4, 3)).astype(np.float32) if rich else None,
        ),
        maps={"semantic": np.ones((height, width), np.uint8), "depth": np.ones((height, width), np.float32)},
        tags={"scene": np.array(height), "angle": np.zeros(2, np.float32)},
    )


def targets_of(samples: list[Sample], max_instances: int | None = None) -> InstanceTargets:
    instances = collate(samples, max_instances=max_instances).instances
    assert instances is not None
    return instances


def test_shapes_dtypes_and_padding() -> None:
    samples = [make_sample(30, 40, 3), make_sample(50, 20, 1)]
    batch = collate(samples, divisor=16)
    assert batch.images.shape == (2, 3, 64, 48)
    assert batch.images.dtype == torch.uint8
    assert batch.sizes.tolist() == [[30, 40], [50, 20]]
    assert batch.original_sizes.tolist() == [[60, 80], [100, 40]]
    assert batch.ids == ["image-30", "image-50"]
    for row, sample in enumerate(samples):
        height, width = sample.image.shape[:2]
        assert (batch.images[row].permute(1, 2, 0).numpy()[:height, :width] == sample.image).all()
        assert int(batch.images[row].long().sum()) == int(sample.image.sum())
    semantic, depth = batch.maps["semantic"], batch.maps["depth"]
    assert semantic.shape == depth.shape == (2, 64, 48)
    assert int((semantic == 1).sum()) == int((depth == 1).sum()) == 30 * 40 + 50 * 20
    assert set(semantic.unique().tolist()) == {1, 255}
    assert bool(depth[1, :, 20:].isnan().all())
    assert batch.tags["scene"].tolist() == [30, 50]
    assert batch.tags["angle"].shape == (2, 2)


def test_objects_are_padded_and_masked() -> None:
    samples = [make_sample(30, 40, 3, crowd=(1,)), make_sample(32, 20, 1)]
    targets = targets_of(samples)
    assert targets.valid.tolist() == [[True, False, True], [True, False, False]]
    assert targets.crowd.tolist() == [[False, True, False], [False, False, False]]
    first = samples[0].instances
    assert first is not None
    assert first.keypoints is not None
    np.testing.assert_array_equal(targets.boxes[0].numpy(), first.boxes)  # the crowd's too
    np.testing.assert_array_equal(targets.labels[0].numpy(), first.labels)
    assert targets.labels.dtype == torch.int64
    assert targets.boxes[1, 1:].abs().sum() == 0
    assert targets.masks is not None
    planes = targets.masks.planes((32, 64))
    assert planes.sum((2, 3)).tolist() == [[1200] * 3, [640, 0, 0]]
    assert targets.keypoints is not None
    np.testing.assert_array_equal(targets.keypoints[0].numpy(), first.keypoints)
    assert targets.keypoints.shape == (2, 3, 4, 3)


def test_empty_images_have_the_same_shapes_as_any_other() -> None:
    targets = targets_of([make_sample(30, 40, 0), make_sample(31, 40, 0)])
    assert targets.boxes.shape == (2, 1, 4)
    assert not targets.valid.any()
    assert targets.masks is not None
    assert targets.masks.values.shape == (2, 1, 128, 128)
    assert not targets.masks.values.any()


def test_targets_that_no_head_needs_are_absent() -> None:
    targets = targets_of([make_sample(30, 40, 2, rich=False)])
    assert targets.masks is None
    assert targets.keypoints is None
    sample = make_sample(30, 40, 0)
    sample.instances, sample.maps, sample.tags = None, {}, {}
    batch = collate([sample])
    assert batch.instances is None
    assert not batch.maps
    assert not batch.tags


def test_a_fixed_number_of_objects_drops_crowds_first() -> None:
    sample = make_sample(30, 40, 4, crowd=(0, 2))
    assert sample.instances is not None
    assert targets_of([sample], max_instances=6).boxes.shape == (1, 6, 4)
    targets = targets_of([sample], max_instances=3)
    assert targets.labels[0].tolist() == sample.instances.labels[[1, 3, 0]].tolist()
    assert targets.crowd[0].tolist() == [False, False, True]


def test_maps_with_further_axes_are_padded_along_all_of_them() -> None:
    deep, flat = make_sample(30, 40, 0, rich=False), make_sample(20, 50, 0, rich=False)
    deep.maps = {"semantic": np.ones((5, 30, 40), np.uint8)}
    flat.maps = {"semantic": np.zeros((3, 20, 50), np.uint8)}
    semantic = collate([deep, flat]).maps["semantic"]
    assert semantic.shape == (2, 5, 32, 64)
    assert semantic.dtype == torch.uint8
    assert int((semantic[0] == 1).sum()) == 5 * 30 * 40
    assert int((semantic[1] == 0).sum()) == 3 * 20 * 50
    assert int((semantic == 255).sum()) == semantic.numel() - 5 * 30 * 40 - 3 * 20 * 50
