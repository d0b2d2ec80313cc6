"""Panoptic quality: how predicted segments match annotated ones (Kirillov et al. 2019, Panoptic Segmentation)."""

from __future__ import annotations

import numpy as np

from hub_panoptic.ids import places
from hub_panoptic.truth import PanopticTruth

MATCH = 0.5  # segments that share more than this of their union are one: no segment can do so with two


def count_segments(
    truth: PanopticTruth, segments: np.ndarray, ids: np.ndarray, labels: np.ndarray, *, classes: int
) -> np.ndarray:
    """Match the predicted segments of an image with the annotated ones.

    A match has the same class and an IoU above 0.5, where void pixels do not count as union. Crowds match nothing. A
    predicted segment without a match is no mistake if more than half of it is void or crowd of its class, as in COCO's
    evaluation (https://github.com/cocodataset/panopticapi, evaluation.py). Like that, it looks at one crowd a class and
    image, the last one.

    Args:
        truth: what was annotated.
        segments: (H, W) integers, the predicted ids, 0 where there is none.
        ids: (P,) integers, each once.
        labels: (P,) indices into the truth's classes; a negative one is of another class and matches nothing.
        classes: how many there are.

    Returns:
        (4, classes) float64: the sum of the IoUs of all matches, the number of matches (TP), of predicted segments
        without one (FP) and of annotated segments without one (FN).

    Reference: https://arxiv.org/abs/1801.00868, section 4.1.
    """
    table = _shared_pixels(truth, segments, ids)
    areas, sizes = table[1:].sum(1), table[:, 1:].sum(0)
    # A segment without a pixel is one that another has hidden, or that went when the map was resized.
    present = (sizes > 0) & (labels >= 0)
    void = table[0, 1:]
    union = areas[:, None] + sizes - table[1:, 1:] - void
    iou = table[1:, 1:] / np.maximum(union, 1)
    same = (truth.labels[:, None] == labels) & ~truth.crowd[:, None] & present
    rows, columns = np.nonzero(same & (iou > MATCH))
    crowd_of = np.zeros(classes, np.int64)  # the row of each class's crowd; 0 is void, which is never added twice
    crowd_of[truth.labels[truth.crowd]] = np.flatnonzero(truth.crowd) + 1
    unmatched = present.copy()
    unmatched[columns] = False
    missed = ~truth.crowd
    missed[rows] = False
    crowd = np.where(crowd_of[labels] > 0, table[crowd_of[labels], np.arange(1, len(ids) + 1)], 0)
    wrong = unmatched & ((void + crowd) / np.maximum(sizes, 1) <= MATCH)
    matched = truth.labels[rows]
    return np.stack(
        [
            np.bincount(matched, iou[rows, columns], classes),
            np.bincount(matched, minlength=classes),
            np.bincount(labels[wrong], minlength=classes),
            np.bincount(truth.labels[missed], minlength=classes),
        ]
    ).astype(np.float64)


def qualities(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """PQ, SQ and RQ of each class; NaN for a class that was neither annotated nor predicted.

    Args:
        counts: (4, C), as `count_segments` gives them, added up over all images.

    >>> pq, sq, rq = qualities(np.array([[0.8], [1.0], [1.0], [1.0]]))
    >>> float(pq[0]), float(sq[0]), float(rq[0])
    (0.4, 0.8, 0.5)
    """
    iou, matched, wrong, missed = counts
    total = matched + (wrong + missed) / 2
    defined = np.where(total > 0, total, np.nan)
    segmentation = np.where(matched > 0, iou / np.maximum(matched, 1), 0.0)
    return iou / defined, np.where(total > 0, segmentation, np.nan), matched / defined


def _shared_pixels(truth: PanopticTruth, segments: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """(S + 1, P + 1) int64, the pixels that each pair shares; the first row and column are of void."""
    columns = len(ids) + 1
    pairs = places(truth.segments, truth.ids) * columns + places(segments, ids)
    return np.bincount(pairs.ravel(), minlength=(len(truth.ids) + 1) * columns).reshape(-1, columns)
