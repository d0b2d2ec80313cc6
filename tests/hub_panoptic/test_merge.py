"""Merging against the published procedure, implemented with sets of pixels."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_panoptic.merge import merge

SHAPE = (5, 6)


def by_pixel(
    masks: np.ndarray, scores: list[float], labels: list[int], classes: np.ndarray, options: dict[str, float]
) -> tuple[np.ndarray, list[int], list[float]]:
    """Assign sets of pixels one after the other."""
    out, names, kept = np.zeros(SHAPE, int), [], []
    taken: set[tuple[int, int]] = set()
    for i in sorted(range(len(scores)), key=lambda i: -scores[i]):
        own = {(y, x) for y, x in np.ndindex(SHAPE) if masks[i][y, x]}
        if scores[i] < options["score_thresh"] or labels[i] < 0 or not own - taken:
            continue
        if len(own & taken) / len(own) > options["overlap_thresh"]:
            continue
        names.append(labels[i])
        kept.append(scores[i])
        for y, x in own - taken:
            out[y, x] = len(names)
        taken |= own
    for k in range(int(classes.max()) + 1):
        left = [(y, x) for y, x in np.ndindex(SHAPE) if classes[y, x] == k and not out[y, x]]
        if left and len(left) >= options["stuff_area_limit"]:
            names.append(k)
            for y, x in left:
                out[y, x] = len(names)
    return out, names, kept


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 6),
    st.fixed_dictionaries(
        {
            "score_thresh": st.sampled_from([0.0, 0.25, 0.5]),
            "overlap_thresh": st.sampled_from([0.0, 0.25, 0.5, 1.0]),
            "stuff_area_limit": st.integers(0, 8),
        }
    ),
)
def test_merging_matches_the_published_procedure(seed: int, count: int, options: dict[str, float]) -> None:
    rng = np.random.default_rng(seed)
    masks = np.zeros((count, *SHAPE), bool)
    for mask in masks:
        y, x = rng.integers(0, 5), rng.integers(0, 6)
        mask[y : y + rng.integers(0, 5), x : x + rng.integers(0, 5)] = True
    scores, labels = rng.integers(0, 5, count) / 4, rng.integers(-1, 3, count)
    classes = rng.integers(-1, 3, SHAPE)
    found = merge(*(torch.from_numpy(a) for a in (masks, scores, labels, classes)), **options)  # type: ignore[arg-type]
    segments, names, kept = by_pixel(masks, scores.tolist(), labels.tolist(), classes, options)
    assert np.array_equal(found.segments.numpy(), segments)
    assert found.labels.tolist() == names
    assert found.scores.tolist() == kept


def test_no_detections_give_no_segments() -> None:
    none = torch.zeros(0)
    found = merge(torch.zeros(0, 3, 4, dtype=torch.bool), none, none.long(), torch.full((3, 4), -1))
    assert not found.segments.any()
    assert not len(found.labels)
