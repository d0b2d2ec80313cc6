"""Annotated objects in the form that matching needs: at least one slot per image, zeros in empty slots."""

from __future__ import annotations

from dataclasses import replace

import torch

from hub import Batch, InstanceTargets
from hub.errors import DataError


def instance_targets(batch: Batch) -> InstanceTargets:
    """Return the batch's objects, (B, N, …) with N at least 1, so that a batch without objects takes the same path.

    Boxes and labels of invalid slots are 0: such a box overlaps nothing.

    Raises:
        DataError: the batch has no instances, not even an empty list of them.
    """
    targets = batch.instances
    if targets is None:
        raise DataError("the batch has no boxes to learn from", fix="train on a dataset that provides boxes")
    if not targets.valid.shape[1]:
        targets = targets.apply(lambda t: torch.cat([t, t.new_zeros(t.shape[0], 1, *t.shape[2:])], dim=1))
    boxes = targets.boxes.float().masked_fill(~targets.valid[..., None], 0.0)
    return replace(targets, boxes=boxes, labels=targets.labels.masked_fill(~targets.valid, 0))
