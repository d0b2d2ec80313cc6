"""Match reference boxes with objects or the background (Ren et al. 2015, section 3.1.2).

The overlaps of all objects with all anchors would be the largest tensor of a training step, many gigabytes for a batch
of crowded images. They are computed for a few objects at a time, so that memory grows only with the number of boxes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from hub_detection.boxes import box_iou

# Values of one part: 64 MiB as float32 on a device, where launches cost; 2 MiB on a CPU, where the cache is faster.
_PART_DEVICE = 2**24
_PART_CPU = 2**19


class Match(NamedTuple):
    """Positive and negative boxes, (B, M) bool each; boxes that are neither are ignored."""

    positive: Tensor
    negative: Tensor


@dataclass(frozen=True)
class Matcher:
    """Labels boxes by their overlap with the objects.

    Args:
        fg_iou_thresh: boxes that overlap an object at least this much are positive.
        bg_iou_thresh: boxes that overlap every object less than this are negative.
        allow_low_quality_matches: the boxes that overlap an object most are positive as well, however little that is.

    >>> objects, boxes = torch.tensor([[[0.0, 0, 8, 8]]]), torch.tensor([[0.0, 0, 8, 8], [0, 0, 8, 4], [9, 9, 12, 12]])
    >>> Matcher(0.7, 0.3)(objects, boxes, torch.tensor([[True]])).positive
    tensor([[ True, False, False]])
    """

    fg_iou_thresh: float
    bg_iou_thresh: float
    allow_low_quality_matches: bool = False

    def __call__(self, objects: Tensor, boxes: Tensor, valid: Tensor) -> Match:
        """Label every box.

        Args:
            objects: (B, N, 4) float32 x1 y1 x2 y2 in pixels, N at least 1.
            boxes: (M, 4) or (B, M, 4), likewise.
            valid: (B, N) bool, False for objects that nothing may match; these have no area.

        Returns:
            The positive and the negative boxes.
        """
        return self._match(objects, boxes, valid, None)

    def with_objects(self, objects: Tensor, boxes: Tensor, valid: Tensor) -> tuple[Match, Tensor]:
        """Label every box, and find the object that it overlaps most.

        Args:
            objects, boxes, valid: as for a call.

        Returns:
            The positive and the negative boxes; and (B, M) int64 from 0 to N − 1, the first of equal ones.
        """
        matched = torch.zeros(len(objects), boxes.shape[-2], dtype=torch.int64, device=boxes.device)
        return self._match(objects, boxes, valid, matched), matched

    @torch.no_grad()
    def _match(self, objects: Tensor, boxes: Tensor, valid: Tensor, matched: Tensor | None) -> Match:
        """Label every box, and write its object into ``matched`` where that is given."""
        overlap = objects.new_full((len(objects), boxes.shape[-2]), -1.0)
        best_of_an_object = torch.zeros_like(overlap, dtype=torch.bool)
        for part in object_parts(objects, boxes.shape[-2]):
            iou = box_iou(objects[:, part], boxes)
            alone = iou.shape[1] == 1
            if self.allow_low_quality_matches:
                best = iou.amax(2, keepdim=True)
                # An object that overlaps nothing has no best box: without this, every box would match it.
                best = best.masked_fill(~valid[:, part, None] | (best == 0), torch.inf)
                at_best = iou >= best
                best_of_an_object |= at_best[:, 0] if alone else at_best.any(1)
            if matched is None:
                highest = iou[:, 0] if alone else iou.amax(1)
            elif alone:
                highest = iou[:, 0]
                matched.masked_fill_(highest > overlap, part.start)
            else:
                highest, which = iou.max(1)
                matched.copy_(torch.where(highest > overlap, which + part.start, matched))
            overlap = torch.maximum(overlap, highest)
        positive = (overlap >= self.fg_iou_thresh) | best_of_an_object
        return Match(positive, (overlap < self.bg_iou_thresh) & ~positive)


def matched_object(objects: Tensor, boxes: Tensor) -> Tensor:
    """Return the object that each of a few boxes overlaps most.

    Args:
        objects: (B, N, 4) x1 y1 x2 y2 in pixels.
        boxes: (B, S, 4), likewise; few enough that (B, N, S) overlaps are small.

    Returns:
        (B, S) int64 from 0 to N − 1, the first of equal ones.

    >>> matched_object(torch.tensor([[[0.0, 0, 4, 4], [4, 0, 8, 4]]]), torch.tensor([[[5.0, 0, 8, 4]]]))
    tensor([[1]])
    """
    return box_iou(objects, boxes).argmax(1)


def object_parts(objects: Tensor, boxes: int) -> Iterator[slice]:
    """Split N objects so that the values of a part for ``boxes`` boxes stay small, in a CPU's cache where it is one.

    Args:
        objects: (B, N, 4).
        boxes: M; a part of n objects has B · n · M values.
    """
    limit = _PART_CPU if objects.device.type == "cpu" else _PART_DEVICE
    size = max(1, limit // max(1, len(objects) * boxes))
    for start in range(0, objects.shape[1], size):
        yield slice(start, start + size)
