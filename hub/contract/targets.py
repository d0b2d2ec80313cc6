"""Which of a dataset's targets are maps, and which are tags."""

from __future__ import annotations

from hub.contract.dataset import Dataset

OBJECTS = frozenset({"boxes", "masks", "keypoints"})


def tag_names(dataset: Dataset) -> list[str]:
    """The tags that a dataset provides, sorted; they are told from maps by asking for those of the first image."""
    others = dataset.provides - OBJECTS
    return sorted(dataset.tags(0, others)) if others else []


def map_names(dataset: Dataset) -> list[str]:
    """The maps that a dataset provides, sorted."""
    return sorted(dataset.provides - OBJECTS - set(tag_names(dataset)))
