"""The IoU types of COCO's evaluation: how boxes, masks and keypoints are packed for it."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import ClassVar

import numpy as np
from torch import Tensor

from hub.contract.packed import PackedBytes, PackedInstances
from hub.errors import ContractError, DataError
from hub.evaluation.coco_summary import DETECTION_METRICS, KEYPOINT_METRICS, SummaryMetric
from hub.evaluation.coco_table import CocoTable, Segment


@dataclass(frozen=True)
class PackedDetections:
    """The detections of one image.

    Attributes:
        size: (height, width) of the image.
        labels: (D,) int64 indices into the labels of the model.
        scores: (D,) float32.
        shapes: boxes (D, 4), masks as D strings of COCO's compressed RLE, or keypoints (D, K, 3).
    """

    size: tuple[int, int]
    labels: np.ndarray
    scores: np.ndarray
    shapes: np.ndarray | PackedBytes


class IouType(ABC):
    """Base of the IoU types.

    Attributes:
        field: the attribute of `hub.Detections` that is compared.
        metrics: the metrics of COCO's summary.
        sigmas: standard deviations of the object keypoint similarity, or None.
    """

    field: ClassVar[str]
    metrics: ClassVar[Mapping[str, SummaryMetric]] = DETECTION_METRICS
    sigmas: Sequence[float] | None = None

    def __init__(self, instances: PackedInstances, name: str, sigmas: Sequence[float] | None = None) -> None:
        self.instances = instances

    @abstractmethod
    def pack(self, shapes: Tensor, size: tuple[int, int]) -> np.ndarray | PackedBytes:
        """Pack the boxes, masks or keypoints of an image of this (height, width)."""

    @abstractmethod
    def annotations(self, table: CocoTable) -> CocoTable:
        """Add the column of this type to the table of annotated boxes."""

    @abstractmethod
    def detections(self, table: CocoTable, found: Sequence[PackedDetections], keep: np.ndarray) -> CocoTable:
        """Add the column of this type to the table of detections.

        Args:
            table: the N detections to score, with boxes of zeros.
            found: the detections of all images.
            keep: (all detections,) bool, True for the N detections to score.
        """


class BoxIou(IouType):
    """IoU of boxes."""

    field = "boxes"

    def pack(self, shapes: Tensor, size: tuple[int, int]) -> np.ndarray:
        """Return (D, 4) as x1 y1 x2 y2."""
        return np.asarray(shapes.numpy())

    def annotations(self, table: CocoTable) -> CocoTable:
        """Return the table unchanged: every annotation has its box."""
        return table

    def detections(self, table: CocoTable, found: Sequence[PackedDetections], keep: np.ndarray) -> CocoTable:
        """Set the boxes; width and height are computed in float64, as in a results file."""
        corners = _concatenate([one.shapes for one in found], (0, 4))[keep].astype(np.float64)
        corners[:, 2:] -= corners[:, :2]
        return replace(table, boxes=corners)


class MaskIou(IouType):
    """IoU of masks.

    In a dataset with masks, an object without one becomes a crowd region of the size of its box: it counts neither
    as missed nor as found, and detections inside it are ignored.
    """

    field = "masks"

    def __init__(self, instances: PackedInstances, name: str, sigmas: Sequence[float] | None = None) -> None:
        if instances.segments is None:
            raise DataError(f"{name} has no masks to score against", fix="score boxes, or annotate masks")
        super().__init__(instances, name)
        self.segments = instances.segments

    def pack(self, shapes: Tensor, size: tuple[int, int]) -> PackedBytes:
        """Return the compressed RLE of masks (D, H, W) bool."""
        from pycocotools import mask as coco_mask

        if tuple(shapes.shape[1:]) != size:
            raise ContractError(
                f"masks of {tuple(shapes.shape[1:])} pixels for an image of {size}",
                fix="paste masks at the size of the image file",
            )
        # RLE runs along columns: (D, W, H) in C order is (H, W, D) in Fortran order, which encode expects.
        columns = np.ascontiguousarray(shapes.numpy().transpose(0, 2, 1), dtype=np.uint8)
        return PackedBytes.pack(rle["counts"] for rle in coco_mask.encode(columns.T))

    def annotations(self, table: CocoTable) -> CocoTable:
        """Add the polygons and RLEs."""
        texts = [self.segments[row] for row in range(len(table))]
        missing = np.array([not text for text in texts], bool)
        parsed = iter(json.loads(b"[" + b",".join(text for text in texts if text) + b"]"))
        boxes = self.instances.boxes
        assert table.crowd is not None
        return replace(
            table,
            segments=[next(parsed) if text else _rectangle(boxes[row]) for row, text in enumerate(texts)],
            crowd=table.crowd | missing,
        )

    def detections(self, table: CocoTable, found: Sequence[PackedDetections], keep: np.ndarray) -> CocoTable:
        """Add the RLEs."""
        rows = iter(keep.tolist())
        segments: list[Segment] = [
            {"size": size, "counts": counts}
            for one in found
            for size, counts in zip([list(one.size)] * len(one.labels), _strings(one.shapes), strict=True)
            if next(rows)
        ]
        return replace(table, segments=segments)


#: Nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles (https://cocodataset.org/#keypoints-eval).
COCO_SIGMAS = tuple(s / 1000 for s in (26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89))
UNIFORM_SIGMA = 0.05


class KeypointOks(IouType):
    """Object keypoint similarity.

    As in COCO, an object without a labeled keypoint is ignored: it counts neither as found nor as missed.
    """

    field = "keypoints"
    metrics = KEYPOINT_METRICS

    def __init__(self, instances: PackedInstances, name: str, sigmas: Sequence[float] | None = None) -> None:
        if instances.keypoints is None:
            raise DataError(f"{name} has no keypoints to score against", fix="score boxes, or annotate keypoints")
        super().__init__(instances, name)
        self.keypoints = instances.keypoints
        count = self.keypoints.shape[1]
        default = COCO_SIGMAS if count == len(COCO_SIGMAS) else (UNIFORM_SIGMA,) * count
        self.sigmas = default if sigmas is None else tuple(sigmas)
        if len(self.sigmas) != count:
            raise DataError(f"{len(self.sigmas)} sigmas for the {count} keypoints of {name}", fix=f"give {count}")

    def pack(self, shapes: Tensor, size: tuple[int, int]) -> np.ndarray:
        """Return (D, K, 3) float32."""
        return np.asarray(shapes.float().numpy())

    def annotations(self, table: CocoTable) -> CocoTable:
        """Add the annotated keypoints."""
        return replace(table, keypoints=self.keypoints)

    def detections(self, table: CocoTable, found: Sequence[PackedDetections], keep: np.ndarray) -> CocoTable:
        """Add the detected keypoints."""
        points = _concatenate([one.shapes for one in found], (0, *self.keypoints.shape[1:]))
        return replace(table, keypoints=points[keep])


IOU_TYPES: Mapping[str, type[IouType]] = {"bbox": BoxIou, "segm": MaskIou, "keypoints": KeypointOks}


def _strings(shapes: np.ndarray | PackedBytes) -> Iterator[bytes]:
    assert isinstance(shapes, PackedBytes)
    data, ends = shapes.data.tobytes(), shapes.offsets.tolist()
    return (data[start:end] for start, end in pairwise(ends))


def _concatenate(parts: Sequence[np.ndarray | PackedBytes], empty: tuple[int, ...]) -> np.ndarray:
    return np.concatenate([np.zeros(empty, np.float32), *(np.asarray(part) for part in parts)])


def _rectangle(box: np.ndarray) -> list[list[float]]:
    x1, y1, x2, y2 = box.tolist()
    return [[x1, y1, x2, y1, x2, y2, x1, y2]]
