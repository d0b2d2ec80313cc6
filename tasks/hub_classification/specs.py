"""Specs of the heads in this package, for its entry points; imports no torch."""

from __future__ import annotations

from hub import TaskSpec

classification = TaskSpec(
    name="classification",
    kind="classification",
    summary="One class per image: pooled features and a linear layer (He et al. 2015)",
    target="hub_classification.single:Classification",
)

multilabel = TaskSpec(
    name="multilabel",
    kind="classification",
    summary="Any number of classes per image; unknown labels are ignored",
    target="hub_classification.multi:MultiLabel",
)
