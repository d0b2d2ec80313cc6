"""Objects of one image in front of those of another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hub.contract.instance_masks import InstanceMasks
from hub.contract.sample import Instances, Sample
from hub.data.transforms import Transform

Scene = Callable[..., Sample]


def rectangles(*boxes: tuple[int, int, int, int], labels: int = 0, size: tuple[int, int] = (20, 30)) -> Sample:
    """Each with a keypoint in its upper left and lower right pixel; pixels are label + 1, as the map's."""
    count = len(boxes)
    masks = np.zeros((count, *size), np.uint8)
    classes = np.zeros(size, np.uint8)
    for i, (x1, y1, x2, y2) in enumerate(boxes):
        masks[i, y1:y2, x1:x2] = 1
        classes[y1:y2, x1:x2] = labels + i + 1
    corners = np.array(boxes, np.float32).reshape(count, 4)
    points = np.stack([corners[:, :2] + 0.5, corners[:, 2:] - 0.5], 1)
    return Sample(
        image=np.repeat(classes[..., None], 3, -1),
        id=labels,
        path=Path("made.png"),
        original_size=size,
        instances=Instances(
            boxes=corners,
            labels=labels + np.arange(count),
            crowd=np.zeros(count, bool),
            masks=InstanceMasks.from_planes(masks),
            keypoints=np.concatenate([points, np.full((count, 2, 1), 2)], -1).astype(np.float32),
        ),
        maps={"semantic": classes},
    )


def paste(sample: Sample, other: Sample, **options: float) -> tuple[Sample, Instances]:
    new = Transform.parse([{"name": "copy_paste", "share": 1.0, **options}])(sample, 0, lambda rng: other)
    assert new.instances is not None
    return new, new.instances


def test_covered_objects_are_cut_tightened_and_dropped_when_hidden() -> None:
    behind = rectangles((0, 0, 10, 10), (12, 0, 16, 4), (20, 10, 30, 20))
    front = rectangles((5, 0, 16, 10), labels=10)
    new, objects = paste(behind, front)
    assert objects.labels.tolist() == [0, 2, 10]  # the second is hidden
    assert objects.boxes.tolist() == [[0, 0, 5, 10], [20, 10, 30, 20], [5, 0, 16, 10]]
    assert objects.masks is not None
    assert objects.masks.areas.tolist() == [50, 100, 110]
    expected = behind.maps["semantic"].copy()
    expected[0:10, 5:16] = 11
    np.testing.assert_array_equal(new.maps["semantic"], expected)
    np.testing.assert_array_equal(new.image, np.repeat(expected[..., None], 3, -1))
    assert objects.keypoints is not None
    assert objects.keypoints[..., 2].tolist() == [[2, 1], [2, 2], [2, 2]]  # one is annotated but hidden now


@pytest.mark.parametrize(("least", "kept"), [(0.5, [0, 10]), (0.6, [10])])
def test_too_little_visible(least: float, kept: list[int]) -> None:
    _, objects = paste(rectangles((0, 0, 10, 10)), rectangles((5, 0, 15, 10), labels=10), min_visibility=least)
    assert objects.labels.tolist() == kept


def test_crowds_and_objects_without_masks_are_not_pasted() -> None:
    other = rectangles((0, 0, 5, 5), (10, 0, 15, 5), (20, 0, 25, 5), labels=10)
    assert other.instances is not None
    assert other.instances.masks is not None
    other.instances.crowd[0] = True
    planes = other.instances.masks.planes()
    planes[1] = 0
    other.instances.masks = InstanceMasks.from_planes(planes)
    new, objects = paste(rectangles((0, 10, 5, 15)), other)
    assert objects.labels.tolist() == [0, 12]
    assert (new.image[:, :20] <= 1).all()


def test_an_image_of_another_size_is_cut_and_padded() -> None:
    other = rectangles((0, 0, 5, 5), (25, 0, 35, 10), (50, 0, 60, 9), labels=10, size=(10, 60))
    new, objects = paste(rectangles((0, 10, 5, 15)), other)
    assert new.image.shape == (20, 30, 3)
    assert objects.labels.tolist() == [0, 10, 11]
    assert objects.boxes[2].tolist() == [25, 0, 30, 10]


def test_each_object_is_pasted_with_the_share(scene: Scene) -> None:
    sample, other = scene(1), scene(5)
    assert sample.instances is not None
    assert other.instances is not None

    def pasted(share: float) -> float:
        step = Transform.parse([{"name": "copy_paste", "share": share, "min_visibility": 0.0}])
        several = [step(sample, seed, lambda rng: other).instances for seed in range(60)]
        return float(np.mean([np.isin(one.labels, other.instances.labels).sum() for one in several]))  # type: ignore

    assert pasted(0.0) == 0
    assert pasted(0.25) == pytest.approx(1, abs=0.4)
    assert pasted(1.0) == 4
