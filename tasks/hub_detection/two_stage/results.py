"""Add masks and keypoints to detections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from hub import Batch, Detections
from hub_detection.two_stage.mask_paste import paste_masks


def with_masks(
    detections: Sequence[Detections], predictions: Mapping[str, Tensor], *, threshold: float
) -> list[Detections]:
    """Add masks at the size of the original images.

    Args:
        detections: from `hub_detection.results.detections`.
        predictions: with ``masks`` (B, D, h, w) on the grids of their boxes, and ``valid``.
        threshold: see `paste_masks`.
    """
    masks, valid = predictions["masks"].cpu(), predictions["valid"].cpu()
    return [
        replace(found, masks=paste_masks(own[mask], found.boxes, found.size, threshold=threshold))
        for found, own, mask in zip(detections, masks, valid, strict=True)
    ]


def with_keypoints(
    detections: Sequence[Detections], predictions: Mapping[str, Tensor], batch: Batch
) -> list[Detections]:
    """Add keypoints in pixels of the original images.

    Args:
        detections: from `hub_detection.results.detections`.
        predictions: with ``keypoints`` (B, D, K, 3), and ``valid``.
        batch: that they belong to.
    """
    scale = (batch.original_sizes.cpu() / batch.sizes.cpu()).flip(-1)
    factors = torch.cat([scale, torch.ones(len(scale), 1)], dim=1)
    keypoints = predictions["keypoints"].cpu().float() * factors[:, None, None]
    return [
        replace(found, keypoints=own[mask])
        for found, own, mask in zip(detections, keypoints, predictions["valid"].cpu(), strict=True)
    ]
