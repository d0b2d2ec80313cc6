"""Images whose pixel values identify the objects, and checks that hold after any transform."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from hub.contract.instance_masks import InstanceMasks
from hub.contract.sample import Instances, Sample

COLOUR = 3  # an object's pixels have this many times its label, in every channel


def make_scene(
    number: int = 0,
    *,
    height: int = 40,
    width: int = 60,
    count: int = 4,
    channels: int = 3,
    crowds: bool = False,
    apart: bool = True,
) -> Sample:
    """Draw ellipses and rectangles; labels, colors and maps identify the image and the object.

    Args:
        number: of the scene, 0 to 7.
        height, width, channels: of its image.
        count: objects, at most 4.
        crowds: the third one is a crowd.
        apart: each has a place of its own; otherwise later ones are in front, and slivers may remain of others.
    """
    rng = np.random.default_rng(number)
    labels = 1 + 10 * number + np.arange(count)
    owner = np.zeros((height, width), np.uint8)
    for i, label in enumerate(labels.tolist()):
        tall, wide = rng.integers(10, height // 2), rng.integers(10, width // 2)
        room = (height // 2 - tall, width // 2 - wide) if apart else (height - tall, width - wide)
        first = (i // 2 * (height // 2), i % 2 * (width // 2)) if apart else (0, 0)
        top, left = (int(start + rng.integers(0, free + 1)) for start, free in zip(first, room, strict=True))
        if rng.random() < 0.5:
            owner[top : top + tall, left : left + wide] = label
        else:
            radii = (int(wide - 1) // 2, int(tall - 1) // 2)
            cv2.ellipse(owner, (left + radii[0], top + radii[1]), radii, 0, 0, 360, label, -1)
    labels = labels[np.isin(labels, owner)]
    masks = (owner == labels[:, None, None]).astype(np.uint8)
    boxes, keypoints = np.zeros((len(labels), 4), np.float32), np.zeros((len(labels), 2, 3), np.float32)
    for mask, box, points in zip(masks, boxes, keypoints, strict=True):
        rows, columns = np.nonzero(mask)
        box[:] = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        core = cv2.erode(mask, np.ones((5, 5)), borderValue=0)  # inside, where interpolation moves nothing away
        rows, columns = np.nonzero(core if core.any() else mask)
        points[:] = [[columns[i] + 0.5, rows[i] + 0.5, 2] for i in (0, -1)]
    crowd = (np.arange(len(labels)) % 3 == 2) & crowds
    return Sample(
        image=np.repeat((owner * COLOUR)[..., None], channels, -1),
        id=number,
        path=Path(f"{number}.png"),
        original_size=(height, width),
        instances=Instances(boxes, labels.astype(np.int64), crowd, InstanceMasks.from_planes(masks), keypoints),
        maps={"semantic": owner, "depth": owner.astype(np.float32) / 2},
    )


def check_scene(sample: Sample, *, exact: bool = True, colours: bool = True) -> None:
    """Assert that masks, boxes, keypoints, maps and pixels agree on the positions of the objects.

    Args:
        sample: a scene after transforms.
        exact: no pixel was interpolated: image and boxes must agree to the pixel, and no object may be missing.
        colours: pixel values are still those of the scenes.
    """
    objects = sample.instances
    assert objects is not None
    assert objects.masks is not None
    assert objects.keypoints is not None
    height, width = sample.image.shape[:2]
    semantic, depth = sample.maps["semantic"], sample.maps["depth"]
    assert sample.image.dtype == np.uint8
    assert {len(v) for name, v in vars(objects).items() if name != "fields"} == {len(objects)}
    assert objects.masks.size == semantic.shape == depth.shape == (height, width)
    assert (objects.boxes >= 0).all()
    assert (objects.boxes <= [width, height, width, height]).all()
    assert (objects.boxes[:, 2:] - objects.boxes[:, :2] >= 1).all()
    seen = np.zeros((height, width), bool)
    slack = 0 if exact else 1
    for label, mask, box, points in zip(
        objects.labels, objects.masks.planes().astype(bool), objects.boxes, objects.keypoints, strict=True
    ):
        assert (semantic[mask] == label).all()
        assert (depth[mask] == label / 2).all()
        core = mask if exact else cv2.erode(mask.astype(np.uint8), np.ones((5, 5)), borderValue=0).astype(bool)
        if colours:
            np.testing.assert_allclose(sample.image[core].astype(int), label * COLOUR, atol=slack)
        if mask.any():
            rows, columns = np.nonzero(mask)
            tight = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            np.testing.assert_allclose(box, tight, atol=1.5 * slack)  # tips of ellipses may fall between pixels
        for x, y, visibility in points:
            if visibility == 0:
                continue
            near = semantic[max(0, int(y) - slack) : int(y) + slack + 1, max(0, int(x) - slack) : int(x) + slack + 1]
            assert 0 <= x <= width
            assert 0 <= y <= height
            if visibility == 2:
                assert label in near
            elif exact:
                assert label not in near
        seen |= mask
    if exact:
        foreground = (semantic != 0) & (semantic != 255)
        np.testing.assert_array_equal(seen, foreground)


@pytest.fixture(scope="session")
def scene() -> Callable[..., Sample]:
    """See `make_scene`."""
    return make_scene


@pytest.fixture(scope="session")
def check() -> Callable[..., None]:
    """See `check_scene`."""
    return check_scene


@pytest.fixture(scope="session")
def draw() -> Callable[[np.random.Generator], Sample]:
    """Another scene: one of the numbers from 4."""
    return lambda rng: make_scene(int(rng.integers(4, 8)))
