"""The kinds of targets: objects, maps (one value per pixel) and tags (one value per image)."""

from __future__ import annotations

from hub.contract.dataset import Dataset

OBJECTS = frozenset({"boxes", "masks", "keypoints"})
IGNORE = 255  # in maps and class tags: no class is known here; losses and metrics leave it out


def tag_names(dataset: Dataset) -> list[str]:
    """Return the tags that a dataset provides, sorted: of its targets, those that the first image gives as tags."""
    others = dataset.provides - OBJECTS
    return sorted(dataset.tags(0, others)) if others else []


def map_names(dataset: Dataset) -> list[str]:
    """Return the maps that a dataset provides, sorted."""
    return sorted(dataset.provides - OBJECTS - set(tag_names(dataset)))
