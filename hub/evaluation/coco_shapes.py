"""What COCO's evaluation compares: boxes, masks or keypoints, each with its own annotations and results."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from hub.contract.packed import PackedBytes, PackedInstances
from hub.errors import ContractError, DataError
from hub.evaluation.coco_summary import DETECTION_METRICS, KEYPOINT_METRICS, SummaryMetric


@dataclass(frozen=True)
class Found:
    """What was found in one image, packed.

    Attributes:
        size: (height, width) of the image.
        labels: (D,) int64 indices into the dataset's labels.
        scores: (D,) float64.
        shapes: boxes (D, 4), masks as D strings of COCO's compressed RLE, or keypoints (D, K, 3).
        dropped: detections left out because the dataset lacks their class.
    """

    size: tuple[int, int]
    labels: np.ndarray
    scores: np.ndarray
    shapes: np.ndarray | PackedBytes
    dropped: int = 0


class Shapes(ABC):
    """One kind of shape that COCO's evaluation compares.

    Attributes:
        field: the attribute of `hub.Detections` that holds it.
        metrics: the metrics that COCO gives for it.
        sigmas: of the object keypoint similarity, or None.
    """

    field: ClassVar[str]
    metrics: ClassVar[Mapping[str, SummaryMetric]] = DETECTION_METRICS
    sigmas: Sequence[float] | None = None

    def __init__(self, instances: PackedInstances, name: str, sigmas: Sequence[float] | None = None) -> None:
        self.instances = instances

    @abstractmethod
    def annotation(self, row: int) -> dict[str, Any]:
        """The fields that this kind adds to the annotation of an object, or replaces in it."""

    @abstractmethod
    def pack(self, shapes: Tensor, size: tuple[int, int]) -> np.ndarray | PackedBytes:
        """Pack the shapes found in an image of this (height, width)."""

    @abstractmethod
    def result(self, shape: Any, size: tuple[int, int]) -> dict[str, Any]:
        """The field of COCO's results format for one packed shape."""

    def results(self, found: Iterator[tuple[int, Found]]) -> np.ndarray | list[dict[str, Any]]:
        """All that was found, in COCO's results format; ``found`` gives each image's number and contents."""
        return [
            {
                "image_id": image,
                "category_id": int(one.labels[i]) + 1,
                "score": float(one.scores[i]),
                **self.result(one.shapes[i], one.size),
            }
            for image, one in found
            for i in range(len(one.labels))
        ]


class Boxes(Shapes):
    """Boxes, compared by their IoU."""

    field = "boxes"

    def annotation(self, row: int) -> dict[str, Any]:
        """Nothing: every annotation has its box."""
        return {}

    def pack(self, shapes: Tensor, size: tuple[int, int]) -> np.ndarray:
        """(D, 4) float64 as x y width height; the difference is taken in float64, as from a results file."""
        corners = shapes.double().numpy()
        return np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)

    def result(self, shape: np.ndarray, size: tuple[int, int]) -> dict[str, Any]:
        """``bbox``."""
        return {"bbox": shape.tolist()}

    def results(self, found: Iterator[tuple[int, Found]]) -> np.ndarray:
        """(N, 7) float64, the form of the results format without an object for each box."""
        rows = [
            np.column_stack([np.full(len(one.labels), image), np.asarray(one.shapes), one.scores, one.labels + 1])
            for image, one in found
        ]
        return np.concatenate([np.empty((0, 7)), *rows])


class Masks(Shapes):
    """Masks, compared by their IoU.

    An object that has no mask although others have becomes a crowd region as large as its box: it need not be
    found, and what is found there costs nothing.
    """

    field = "masks"

    def __init__(self, instances: PackedInstances, name: str, sigmas: Sequence[float] | None = None) -> None:
        if instances.segments is None:
            raise DataError(f"{name} has no masks to score against", fix="score boxes, or annotate masks")
        super().__init__(instances, name)
        self.segments = instances.segments

    def annotation(self, row: int) -> dict[str, Any]:
        """``segmentation``: polygons or RLE."""
        segment = self.segments[row]
        if segment:
            return {"segmentation": json.loads(segment)}
        x1, y1, x2, y2 = self.instances.boxes[row].tolist()
        return {"segmentation": [[x1, y1, x2, y1, x2, y2, x1, y2]], "iscrowd": 1}

    def pack(self, shapes: Tensor, size: tuple[int, int]) -> PackedBytes:
        """Compressed RLE of (D, H, W) bool."""
        from pycocotools import mask as coco_mask

        if tuple(shapes.shape[1:]) != size:
            raise ContractError(
                f"masks of {tuple(shapes.shape[1:])} pixels for an image of {size}",
                fix="paste masks at the size of the image file",
            )
        # RLE runs along columns: (D, W, H) in C order is the (H, W, D) in Fortran order that it is made from.
        columns = np.ascontiguousarray(shapes.numpy().transpose(0, 2, 1), dtype=np.uint8)
        return PackedBytes.pack(rle["counts"] for rle in coco_mask.encode(columns.T))

    def result(self, shape: bytes, size: tuple[int, int]) -> dict[str, Any]:
        """``segmentation`` alone: beside a ``bbox``, COCO would take the box's area for the mask's."""
        return {"segmentation": {"size": list(size), "counts": shape}}


#: Of nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles (https://cocodataset.org/#keypoints-eval).
COCO_SIGMAS = tuple(s / 1000 for s in (26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89))
UNIFORM_SIGMA = 0.05


class Keypoints(Shapes):
    """Keypoints, compared by the object keypoint similarity.

    As in COCO, an object without a labelled keypoint is ignored: neither found nor missed.
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
            raise DataError(f"{len(self.sigmas)} sigmas for the {count} keypoints of {name}", fix="give one for each")

    def annotation(self, row: int) -> dict[str, Any]:
        """``keypoints`` and ``num_keypoints``, the number of labelled ones."""
        points = self.keypoints[row]
        return {"keypoints": points.ravel().tolist(), "num_keypoints": int((points[:, 2] > 0).sum())}

    def pack(self, shapes: Tensor, size: tuple[int, int]) -> np.ndarray:
        """(D, K, 3) float32."""
        return shapes.float().numpy()

    def result(self, shape: np.ndarray, size: tuple[int, int]) -> dict[str, Any]:
        """``keypoints``."""
        return {"keypoints": shape.ravel().tolist()}


SHAPES: Mapping[str, type[Shapes]] = {"bbox": Boxes, "segm": Masks, "keypoints": Keypoints}
