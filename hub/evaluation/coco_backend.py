"""The matching and counting of COCO's evaluation: hotcoco's, or pycocotools' where that is not installed.

Both answer to the same calls and give the same numbers; hotcoco gives them in a hundredth of the time.
"""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

log = logging.getLogger("hub")


@lru_cache(maxsize=1)
def _backend() -> tuple[Any, Any]:
    """The classes ``COCO`` and ``COCOeval``; the fallback is logged once."""
    try:
        import hotcoco
    except ImportError as error:
        log.warning("hotcoco cannot be imported (%s): COCO metrics come from pycocotools, slower but equal", error)
        from pycocotools import coco, cocoeval

        return coco.COCO, cocoeval.COCOeval
    return hotcoco.COCO, hotcoco.COCOeval


def precision_and_recall(
    truth: dict[str, Any],
    found: np.ndarray | list[dict[str, Any]],
    iou_type: str,
    *,
    sigmas: Sequence[float] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Match detections with annotations at COCO's thresholds (Lin et al. 2014, https://arxiv.org/abs/1405.0312).

    Args:
        truth: annotations in COCO's format, with integer ids from 1.
        found: detections in COCO's results format, or for boxes (N, 7) float64: image id, x y width height,
            score and category id.
        iou_type: ``"bbox"``, ``"segm"`` or ``"keypoints"``.
        sigmas: for keypoints, the K standard deviations of the object keypoint similarity.

    Returns:
        Precision (T, R, K, A, M) and recall (T, K, A, M): IoU threshold, recall threshold, class in the order
        of ids, area range, limit of detections an image; −1 where a class has no object of that area.
    """
    COCO, COCOeval = _backend()

    def load(data: dict[str, Any]) -> Any:
        coco = COCO()
        coco.dataset = data
        coco.createIndex()
        return coco

    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints its progress
        annotated = load(truth)
        # pycocotools' loadRes needs at least one detection.
        detected = annotated.loadRes(found) if len(found) else load({**truth, "annotations": []})
        evaluation = COCOeval(annotated, detected, iou_type)
        if sigmas is not None:
            evaluation.params.kpt_oks_sigmas = np.asarray(sigmas, np.float64)
        evaluation.evaluate()
        evaluation.accumulate()
    return np.asarray(evaluation.eval["precision"]), np.asarray(evaluation.eval["recall"])
