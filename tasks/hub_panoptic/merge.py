"""Merge instances that may overlap and a semantic map into one map of segments."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Merged:
    """Segments that do not overlap.

    Attributes:
        segments: (H, W) int32, 0 for void, otherwise k + 1 for the k-th of ``labels``.
        labels: (S,) int64, things before stuff.
        scores: (T,) float32 of the things.
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
    """Assign pixels to instances by descending score, and the remaining ones to stuff.

    An instance is dropped if more than ``overlap_thresh`` of it is covered by instances with higher scores; otherwise
    it keeps its remaining pixels. Stuff with fewer than ``stuff_area_limit`` remaining pixels is dropped.

    References: Kirillov et al. 2019, Panoptic Segmentation, section 7, https://arxiv.org/abs/1801.00868, and Panoptic
    Feature Pyramid Networks, section 3, https://arxiv.org/abs/1901.02446.

    Args:
        masks: (D, H, W) bool.
        scores: (D,) from 0 to 1.
        labels: (D,) integers; instances with a negative one are dropped.
        classes: (H, W) integers; pixels with a negative one are not stuff.
        score_thresh: instances with a lower score are dropped.
        overlap_thresh: fraction of an instance.
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
        visible_area = int(visible.sum())
        if visible_area and (areas[i] - visible_area) / areas[i] <= overlap_thresh:
            kept.append(i)
            segments[visible] = len(kept)
    stuff = torch.where(segments == 0, classes.long(), -1).clamp(min=-1)
    counts = torch.bincount((stuff + 1).flatten(), minlength=1)
    counts[0] = 0
    present = ((counts >= stuff_area_limit) & (counts > 0)).nonzero().flatten()
    numbers = torch.zeros(len(counts), dtype=torch.int32)
    numbers[present] = torch.arange(len(kept) + 1, len(kept) + 1 + len(present), dtype=torch.int32)
    return Merged(segments + numbers[stuff + 1], torch.cat([labels[kept].long(), present - 1]), scores[kept].float())
