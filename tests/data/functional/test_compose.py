"""Visible parts of covered objects, compared with a count of pixels."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.contract.sample import Instances
from hub.data.functional.compose import cover


@given(seed=st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_a_box_without_a_mask_is_tightened_around_what_is_visible_of_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    corner = rng.integers(0, 15, (6, 2))
    boxes = np.concatenate([corner, corner + rng.integers(1, 10, (6, 2))], 1).clip(0, 20).astype(np.float32)
    boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2] + 1)
    top, left, bottom, right = *rng.integers(0, 15, 2), *rng.integers(10, 21, 2)
    region = np.zeros((20, 20), bool)
    region[top:bottom, left:right] = True
    objects = Instances(boxes, np.arange(6), np.zeros(6, bool))
    new = cover(objects, region, min_visibility=0.3)
    kept = []
    for label, (x1, y1, x2, y2) in enumerate(boxes.astype(int)):
        visible = [(x, y) for x in range(x1, x2) for y in range(y1, y2) if not region[y, x]]
        if len(visible) >= max(1, 0.3 * (x2 - x1) * (y2 - y1)):
            xs, ys = zip(*visible, strict=True)
            kept.append((label, [min(xs), min(ys), max(xs) + 1, max(ys) + 1]))
    assert new.labels.tolist() == [label for label, _ in kept]
    assert new.boxes.astype(int).tolist() == [box for _, box in kept]


def test_objects_that_are_not_cut_keep_their_exact_boxes() -> None:
    objects = Instances(np.array([[1.25, 2.5, 6.75, 7.5]], np.float32), np.zeros(1, np.int64), np.zeros(1, bool))
    region = np.zeros((20, 20), bool)
    region[10:] = True
    assert cover(objects, region).boxes.tolist() == [[1.25, 2.5, 6.75, 7.5]]
