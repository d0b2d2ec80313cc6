"""Annotated objects in the form that matching needs: at least one place, zeros where there is no object."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor

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
        one: dict[str, Any] = {f.name: _one_place(getattr(found, f.name)) for f in fields(found)}
        found = replace(found, **one)
    boxes = found.boxes.float().masked_fill(~found.valid[..., None], 0.0)
    return replace(found, boxes=boxes, labels=found.labels.masked_fill(~found.valid, 0))


def _one_place(value: Tensor | None) -> Tensor | None:
    return None if value is None else torch.cat([value, value.new_zeros(len(value), 1, *value.shape[2:])], dim=1)
