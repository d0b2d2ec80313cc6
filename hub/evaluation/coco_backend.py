"""COCO's evaluation by hotcoco, or by pycocotools if hotcoco is not installed.

Both give the same numbers; hotcoco accepts arrays and is about a hundred times faster.
"""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from hub.evaluation.coco_table import CocoTable, Record

log = logging.getLogger("hub")


def precision_and_recall(
    images: Sequence[Record],
    categories: Sequence[Record],
    truth: CocoTable,
    found: CocoTable,
    iou_type: str,
    *,
    sigmas: Sequence[float] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Match detections with annotations at COCO's thresholds (Lin et al. 2014, https://arxiv.org/abs/1405.0312).

    Args:
        images: dicts with ``id``, ``height`` and ``width``.
        categories: dicts with ``id`` and ``name``.
        truth: the annotations.
        found: the detections.
        iou_type: ``"bbox"``, ``"segm"`` or ``"keypoints"``.
        sigmas: for keypoints, the K standard deviations of the object keypoint similarity.

    Returns:
        Precision (T, R, K, A, M) and recall (T, K, A, M): IoU threshold, recall threshold, class in the order
        of ids, area range, maximum number of detections per image; −1 if a class has no object of that area.
    """
    evaluate = _with_hotcoco if _has_hotcoco() else _with_pycocotools
    return evaluate(list(images), list(categories), truth, found, iou_type, sigmas)


@lru_cache(maxsize=1)
def _has_hotcoco() -> bool:
    """Return whether hotcoco can be imported; log the fallback once."""
    try:
        import hotcoco  # noqa: F401
    except ImportError as error:
        log.warning(
            "hotcoco cannot be imported (%s): COCO metrics are computed by pycocotools, with equal results but slower",
            error,
        )
        return False
    return True


def _with_hotcoco(
    images: list[Record],
    categories: list[Record],
    truth: CocoTable,
    found: CocoTable,
    iou_type: str,
    sigmas: Sequence[float] | None,
) -> tuple[np.ndarray, np.ndarray]:
    from hotcoco import COCO, COCOeval, mask

    if iou_type == "keypoints":  # hotcoco has no column for keypoints
        annotated = COCO({"images": images, "categories": categories, "annotations": truth.to_records()})
        detected = annotated.load_res(found.to_records())
    else:
        segments = None if truth.segments is None else list(truth.segments)
        annotated = COCO.from_arrays(
            images,
            categories,
            truth.image_ids,
            truth.category_ids,
            truth.boxes,
            area=truth.areas,
            iscrowd=truth.crowd,
            segmentation=segments,
        )
        assert found.scores is not None
        rows = np.empty((len(found), 7))
        rows[:, 0], rows[:, 1:5], rows[:, 5], rows[:, 6] = (
            found.image_ids, found.boxes, found.scores, found.category_ids,
        )  # fmt: skip
        if found.segments is None:
            detected = annotated.load_res(rows)
        else:
            detected = annotated.load_res(rows, segmentation=list(found.segments))
            # The size of a mask (small, medium, large) is its own area, not that of its box.
            detected.update_anns(
                ids=np.arange(1, len(found) + 1),
                area=mask.area([rle for rle in found.segments if isinstance(rle, dict)]),
            )
    evaluation = COCOeval(annotated, detected, iou_type)
    if sigmas is not None:
        evaluation.params.kpt_oks_sigmas = list(sigmas)
    evaluation.evaluate()
    evaluation.accumulate()
    assert evaluation.eval is not None
    return np.asarray(evaluation.eval["precision"]), np.asarray(evaluation.eval["recall"])


def _with_pycocotools(
    images: list[Record],
    categories: list[Record],
    truth: CocoTable,
    found: CocoTable,
    iou_type: str,
    sigmas: Sequence[float] | None,
) -> tuple[np.ndarray, np.ndarray]:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def load(annotations: list[Record]) -> COCO:
        coco = COCO()
        coco.dataset = {"images": images, "categories": categories, "annotations": annotations}
        coco.createIndex()
        return coco

    with contextlib.redirect_stdout(io.StringIO()):  # it prints its progress
        annotated = load(truth.to_records())
        # loadRes needs at least one detection.
        detected = annotated.loadRes(found.to_records()) if len(found) else load([])
        evaluation = COCOeval(annotated, detected, iou_type)
        if sigmas is not None:
            evaluation.params.kpt_oks_sigmas = np.asarray(sigmas, np.float64)
        evaluation.evaluate()
        evaluation.accumulate()
    return np.asarray(evaluation.eval["precision"]), np.asarray(evaluation.eval["recall"])
