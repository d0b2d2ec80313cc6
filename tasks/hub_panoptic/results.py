"""What the panoptic head answers: one map of segments, and what each of them is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from hub import LabelSpace, Result
from hub_panoptic.ids import ids_to_png


@dataclass(frozen=True)
class Segment:
    """One thing, or all stuff of one class, in an image.

    Attributes:
        id: value of its pixels in the map, from 1.
        label: index into the label space.
        isthing: whether its class has countable objects.
        area: in pixels.
        score: of a thing, from 0 to 1; None for stuff.
    """

    id: int
    label: int
    isthing: bool
    area: int
    score: float | None = None


@dataclass(kw_only=True)
class PanopticMap(Result):
    """The segments of one image, on the CPU; they do not overlap.

    Attributes:
        segments: (H, W) int32 ids at the file's size, 0 for void.
        segments_info: class, area and score of each id.
        label_space: the classes.
    """

    segments: Tensor
    segments_info: Sequence[Segment]
    label_space: LabelSpace

    def to_records(self) -> list[dict[str, object]]:
        """Return one record in the format of COCO's panoptic annotations, with the scores of things.

        >>> import torch
        >>> found = PanopticMap(image_id=7, size=(1, 3), segments=torch.tensor([[0, 1, 1]], dtype=torch.int32),
        ...     segments_info=[Segment(1, 0, True, 2, 0.5)], label_space=LabelSpace(("cat",), (17,)))
        >>> found.to_records()[0]["segments_info"][0]["bbox"], found.to_records()[0]["segments_info"][0]["category_id"]
        ([1, 0, 2, 1], 17)
        """
        boxes = segment_boxes(self.segments.numpy(), [segment.id for segment in self.segments_info])
        segments = [
            {
                "id": segment.id,
                "category_id": self.label_space.ids[segment.label],
                "label": self.label_space.names[segment.label],
                "isthing": segment.isthing,
                "iscrowd": 0,
                "area": segment.area,
                "bbox": box,
                "score": None if segment.score is None else round(segment.score, 6),
            }
            for segment, box in zip(self.segments_info, boxes, strict=True)
        ]
        return [{"image_id": self.image_id, "segments_info": segments}]

    def files(self) -> dict[str, bytes]:
        """Return the map as COCO stores it: a PNG whose colors are the ids."""
        return {".panoptic.png": ids_to_png(self.segments.numpy())}


def segment_boxes(segments: np.ndarray, ids: Sequence[int]) -> list[list[int]]:
    """Return the tight box of each segment.

    Args:
        segments: (H, W) integers.
        ids: of S segments.

    Returns:
        x, y, width and height in pixels, all 0 for an id without pixels.
    """
    boxes = []
    for value in ids:
        own = segments == value
        rows, columns = np.flatnonzero(own.any(1)), np.flatnonzero(own.any(0))
        if not len(rows):
            boxes.append([0, 0, 0, 0])
            continue
        y, x = int(rows[0]), int(columns[0])
        boxes.append([x, y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y])
    return boxes
