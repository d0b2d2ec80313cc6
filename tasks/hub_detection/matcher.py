"""Which reference boxes are to find an object, and which the background (Ren et al. 2015, section 3.1.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


class Match(NamedTuple):
    """(B, M) bool each; a box that is neither is not learned from."""

    positive: Tensor
    negative: Tensor


@dataclass(frozen=True)
class Matcher:
    """Labels boxes by their overlap with the objects.

    Args:
        fg_iou_thresh: boxes that overlap an object at least so much are positive.
        bg_iou_thresh: those that overlap every object less than this are negative.
        allow_low_quality_matches: the boxes that overlap an object most are positive as well, however little that is.

    >>> overlaps = torch.tensor([[[0.8, 0.6, 0.1]]])
    >>> Matcher(0.7, 0.3)(overlaps, torch.tensor([[True]])).positive
    tensor([[ True, False, False]])
    """

    fg_iou_thresh: float
    bg_iou_thresh: float
    allow_low_quality_matches: bool = False

    def __call__(self, iou: Tensor, valid: Tensor) -> Match:
        """Label every box.

        Args:
            iou: (B, N, M) overlaps of N objects with M boxes; N at least 1.
            valid: (B, N) bool, False for objects that nothing may match; these must overlap nothing.

        Returns:
            The positive and the negative boxes.
        """
        overlap = iou.amax(1)
        positive = overlap >= self.fg_iou_thresh
        if self.allow_low_quality_matches:
            best = iou.amax(2, keepdim=True)
            # An object that overlaps nothing has no best box: without this, everything would match it.
            best = best.masked_fill(~valid[..., None] | (best == 0), torch.inf)
            positive = positive | (iou >= best).any(1)
        return Match(positive, (overlap < self.bg_iou_thresh) & ~positive)


def matched_object(iou: Tensor, index: Tensor) -> Tensor:
    """The object that each of some boxes overlaps most.

    Args:
        iou: (B, N, M).
        index: (B, S) int64, the boxes asked for.

    Returns:
        (B, S) int64 from 0 to N − 1.

    >>> matched_object(torch.tensor([[[0.8, 0.1], [0.2, 0.7]]]), torch.tensor([[1]]))
    tensor([[1]])
    """
    columns = index[:, None].expand(-1, iou.shape[1], -1)
    return iou.gather(2, columns).argmax(1)
