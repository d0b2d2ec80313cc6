"""What this package announces as entry points; imports no torch."""

from __future__ import annotations

from hub import TaskSpec

classification = TaskSpec(
    name="classification",
    kind="classification",
    summary="One class an image: pooled features and a linear layer (He et al. 2015)",
    target="hub_classification.single:Classification",
)

multilabel = TaskSpec(
    name="multilabel",
    kind="classification",
    summary="Any number of classes an image; unknown ones are masked",
    target="hub_classification.multi:MultiLabel",
)
