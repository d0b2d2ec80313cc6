"""From instances that may overlap and a class for every pixel to one map of segments."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Merged:
    """Segments that do not overlap.

    Attributes:
        segments: (H, W) int32, 0 where there is none, otherwise k + 1 for the k-th segment of the lists.
        labels: (S,) int64, things before stuff.
        scores: (T,) float32 of the things, which come first.
    """

    segments: Tensor
    labels: Tensor
    scores: Tensor


def merge(
    masks: Tensor,
    scores: Tensor,
    labels: Tensor,
    classes: Tensor,
    *,
    score_thresh: float = 0.5,
    overlap_thresh: float = 0.5,
    stuff_area_limit: int = 4096,
) -> Merged:
    """Lay the instances down, the best first, and fill what is left with stuff.

    An instance of which more than ``overlap_thresh`` is taken by better ones is dropped; otherwise it gets what
    they left. Stuff with fewer than ``stuff_area_limit`` pixels left is dropped (Kirillov et al. 2019, Panoptic
    Segmentation, section 7, https://arxiv.org/abs/1801.00868, and Panoptic Feature Pyramid Networks, section 3,
    https://arxiv.org/abs/1901.02446).

    Args:
        masks: (D, H, W) bool.
        scores: (D,) from 0 to 1.
        labels: (D,) integers; instances with a negative one are left out.
        classes: (H, W) integers; pixels with a negative one are no stuff.
        score_thresh: least score of an instance.
        overlap_thresh: part of an instance from 0 to 1.
        stuff_area_limit: in pixels.

    >>> cat = torch.tensor([[[True, True, False, False]]])
    >>> found = merge(cat, torch.tensor([0.9]), torch.tensor([0]), torch.tensor([[5, 5, 5, -1]]), stuff_area_limit=1)
    >>> found.segments.tolist(), found.labels.tolist()
    ([[1, 1, 2, 0]], [0, 5])
    """
    segments = torch.zeros(classes.shape, dtype=torch.int32)
    order = scores.argsort(descending=True, stable=True)
    order = order[(scores[order] >= score_thresh) & (labels[order] >= 0)]
    areas = masks.flatten(1).sum(1).tolist()
    kept: list[int] = []
    for i in order.tolist():
        visible = masks[i] & (segments == 0)
        left = int(visible.sum())
        if left and (areas[i] - left) / areas[i] <= overlap_thresh:
            kept.append(i)
            segments[visible] = len(kept)
    stuff = torch.where(segments == 0, classes.long(), -1).clamp(min=-1)
    counts = torch.bincount((stuff + 1).flatten(), minlength=1)
    counts[0] = 0
    present = ((counts >= stuff_area_limit) & (counts > 0)).nonzero().flatten()
    numbers = torch.zeros(len(counts), dtype=torch.int32)
    numbers[present] = torch.arange(len(kept) + 1, len(kept) + 1 + len(present), dtype=torch.int32)
    return Merged(segments + numbers[stuff + 1], torch.cat([labels[kept].long(), present - 1]), scores[kept].float())
