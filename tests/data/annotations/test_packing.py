from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hub.data import pack_instances
from hub.data.annotations.packing import select_images

COUNT = 5
IMAGES = hnp.arrays(np.int64, st.integers(0, 30), elements=st.integers(0, COUNT - 1))


def _pack(images, count=COUNT):
    """Return objects whose columns all identify the row of the input."""
    n = np.arange(len(images))
    return pack_instances(
        images,
        count,
        ids=1000 + n,
        boxes=np.stack([n, n, n + 2, n + 3], 1),
        labels=n % 3,
        crowd=n % 2 == 0,
        segments=[b"%d" % i for i in n],
        keypoints=np.broadcast_to(n[:, None, None], (len(n), 2, 3)),
        keypoint_names=("nose", "tail"),
    )


def _assert_rows(packed, rows):
    assert packed.ids.tolist() == [1000 + i for i in rows]
    assert packed.boxes.tolist() == [[i, i, i + 2, i + 3] for i in rows]
    assert packed.labels.tolist() == [i % 3 for i in rows]
    assert packed.crowd.tolist() == [i % 2 == 0 for i in rows]
    assert packed.area.tolist() == [6.0] * len(rows)
    assert packed.usable.tolist() == [True] * len(rows)
    assert [packed.segments[i] for i in range(len(packed))] == [b"%d" % i for i in rows]
    assert packed.keypoints[:, 1, 2].tolist() == rows
    assert len(packed.segments) == len(packed) == len(rows)


@given(IMAGES)
def test_each_image_gets_its_objects_in_their_order(images):
    packed = _pack(images)
    groups = [[i for i, image in enumerate(images) if image == k] for k in range(COUNT)]
    _assert_rows(packed, [i for group in groups for i in group])
    assert len(packed.offsets) == COUNT + 1
    for k, group in enumerate(groups):
        assert packed.ids[packed.of_image(k)].tolist() == [1000 + i for i in group]


@given(IMAGES, hnp.arrays(bool, COUNT))
def test_selected_images_keep_their_objects_and_no_others(images, keep):
    selected = select_images(_pack(images), keep)
    groups = [[i for i, image in enumerate(images) if image == k] for k in range(COUNT) if keep[k]]
    _assert_rows(selected, [i for group in groups for i in group])
    assert len(selected.offsets) == keep.sum() + 1
    for k, group in enumerate(groups):
        assert selected.ids[selected.of_image(k)].tolist() == [1000 + i for i in group]


def test_area_as_annotated_wins_over_the_box():
    packed = pack_instances(
        np.array([0]), 1, ids=np.array([1]), boxes=np.array([[0, 0, 4, 4]]), labels=np.array([0]), area=np.array([7.5])
    )
    assert packed.area.tolist() == [7.5]
    assert packed.segments is None
    assert packed.keypoints is None
