"""Annotations and detections as columns: the input of COCO's evaluation, without an object for each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# An RLE or polygons.
Segment = dict[str, object] | list[list[float]]
Record = dict[str, object]


@dataclass(frozen=True)
class CocoTable:
    """N annotations or detections; ids count from 1.

    Attributes:
        image_ids: (N,) int64.
        category_ids: (N,) int64.
        boxes: (N, 4) float64, x y width height in pixels.
        scores: (N,) float64 of detections; None for annotations.
        areas: (N,) float64 in pixels, of annotations; None for detections, whose area follows from their shape.
        crowd: (N,) bool, of annotations; None for detections.
        segments: N polygons or RLEs in COCO's format, or None.
        keypoints: (N, K, 3) x y and visibility or score, or None.
    """

    image_ids: np.ndarray
    category_ids: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray | None = None
    areas: np.ndarray | None = None
    crowd: np.ndarray | None = None
    segments: Sequence[Segment] | None = None
    keypoints: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.image_ids)

    def to_records(self) -> list[Record]:
        """Return the rows as dicts of COCO's annotation or results format.

        A detection has either a box, a segmentation or keypoints: if it also had a ``bbox``, COCO's tools would use
        the area of the box instead of that of the mask or keypoints.

        >>> table = CocoTable(np.array([1]), np.array([2]), np.array([[0.0, 0, 4, 2]]), scores=np.array([0.5]))
        >>> table.to_records()
        [{'image_id': 1, 'category_id': 2, 'bbox': [0.0, 0.0, 4.0, 2.0], 'score': 0.5}]
        """
        columns: dict[str, Sequence[object]] = {
            "image_id": self.image_ids.tolist(),
            "category_id": self.category_ids.tolist(),
        }
        if self.scores is None or (self.segments is None and self.keypoints is None):
            columns["bbox"] = self.boxes.tolist()
        if self.scores is not None:
            columns["score"] = self.scores.tolist()
        if self.areas is not None:
            columns["id"] = list(range(1, len(self) + 1))
            columns["area"] = self.areas.tolist()
        if self.crowd is not None:
            columns["iscrowd"] = self.crowd.astype(int).tolist()
        if self.segments is not None:
            columns["segmentation"] = self.segments
        if self.keypoints is not None:
            columns["keypoints"] = self.keypoints.reshape(len(self), -1).tolist()
            if self.areas is not None:
                columns["num_keypoints"] = (self.keypoints[..., 2] > 0).sum(axis=1).tolist()
        names = tuple(columns)
        return [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]
