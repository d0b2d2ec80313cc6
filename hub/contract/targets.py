"""The kinds of targets: objects, maps (one value per pixel) and tags (one value per image)."""

from __future__ import annotations

from hub.contract.dataset import Dataset

OBJECTS = frozenset({"boxes", "masks", "keypoints"})
IGNORE = 255
"""The value of an unknown class in maps and class tags; losses and metrics ignore it."""


def object_targets(dataset: Dataset) -> frozenset[str]:
    """Return the names of the targets of objects: boxes, masks, keypoints and the declared fields."""
    return OBJECTS | dataset.fields.keys()


def tag_names(dataset: Dataset) -> list[str]:
    """Return the tags that a dataset provides, sorted: those of its targets that the first image has as tags."""
    others = dataset.provides - object_targets(dataset)
    return sorted(dataset.tags(0, others)) if others else []


def map_names(dataset: Dataset) -> list[str]:
    """Return the maps that a dataset provides, sorted."""
    return sorted(dataset.provides - object_targets(dataset) - set(tag_names(dataset)))
