"""Panoptic quality: match predicted segments with annotated ones (Kirillov et al. 2019, Panoptic Segmentation)."""

from __future__ import annotations

import numpy as np

from hub_panoptic.ids import positions
from hub_panoptic.truth import PanopticTruth

MATCH_IOU = 0.5  # segments with a higher IoU match; a segment can have it with at most one other


def count_segments(
    truth: PanopticTruth, segments: np.ndarray, ids: np.ndarray, labels: np.ndarray, *, classes: int
) -> np.ndarray:
    """Match the predicted segments of an image with the annotated ones.

    A match has the same class and an IoU above 0.5, where void pixels do not count as union. Crowds match nothing. An
    unmatched predicted segment is not a false positive if more than half of it is void or crowd of its class, as in
    COCO's evaluation (https://github.com/cocodataset/panopticapi, evaluation.py). Like there, only one crowd per class
    and image is considered, the last one.

    Args:
        truth: the annotated segments.
        segments: (H, W) integers, the predicted ids, 0 for void.
        ids: (P,) integers without duplicates.
        labels: (P,) indices into the truth's classes; negative for unknown classes, which match nothing.
        classes: number of classes.

    Returns:
        (4, classes) float64: the sum of the IoUs of all matches, and the numbers of matches (TP), of unmatched
        predicted segments (FP) and of unmatched annotated segments (FN).

    Reference: https://arxiv.org/abs/1801.00868, section 4.1.
    """
    table = _shared_pixels(truth, segments, ids)
    areas, sizes = table[1:].sum(1), table[:, 1:].sum(0)
    # A segment may have lost all pixels to other segments, or when the map was resized.
    present = (sizes > 0) & (labels >= 0)
    void = table[0, 1:]
    union = areas[:, None] + sizes - table[1:, 1:] - void
    iou = table[1:, 1:] / np.maximum(union, 1)
    same = (truth.labels[:, None] == labels) & ~truth.crowd[:, None] & present
    rows, columns = np.nonzero(same & (iou > MATCH_IOU))
    crowd_of = np.zeros(classes, np.int64)  # the row of each class's crowd; 0 for none
    crowd_of[truth.labels[truth.crowd]] = np.flatnonzero(truth.crowd) + 1
    unmatched = present.copy()
    unmatched[columns] = False
    missed = ~truth.crowd
    missed[rows] = False
    crowd = np.where(crowd_of[labels] > 0, table[crowd_of[labels], np.arange(1, len(ids) + 1)], 0)
    wrong = unmatched & ((void + crowd) / np.maximum(sizes, 1) <= MATCH_IOU)
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
    """Return PQ, SQ and RQ of each class; NaN for a class that is neither annotated nor predicted.

    Args:
        counts: (4, C), the sum of `count_segments` over all images.

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
    """Return (S + 1, P + 1) int64, the number of pixels that each pair shares; the first row and column are void."""
    columns = len(ids) + 1
    pairs = positions(truth.segments, truth.ids) * columns + positions(segments, ids)
    return np.bincount(pairs.ravel(), minlength=(len(truth.ids) + 1) * columns).reshape(-1, columns)
