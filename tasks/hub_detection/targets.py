"""Annotated objects in the form that matching needs: at least one place, zeros where there is no object."""

from __future__ import annotations

from dataclasses import replace

import torch

from hub import Batch, InstanceTargets
from hub.errors import DataError


def instance_targets(batch: Batch) -> InstanceTargets:
    """The batch's objects, (B, N, …) with N at least 1, so that a batch without any takes the same path.

    Boxes and labels of invalid places are 0: such a box overlaps nothing.

    Raises:
        DataError: the batch carries no objects at all, not even an empty list of them.
    """
    found = batch.instances
    if found is None:
        raise DataError("the batch has no boxes to learn from", fix="train on a dataset that provides boxes")
    if not found.valid.shape[1]:
        found = found.apply(lambda values: torch.cat([values, values.new_zeros(len(values), 1, *values.shape[2:])], 1))
    boxes = found.boxes.float().masked_fill(~found.valid[..., None], 0.0)
    return replace(found, boxes=boxes, labels=found.labels.masked_fill(~found.valid, 0))
