"""Pack columns of annotations in any order into objects grouped by image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from hub.contract.fields import ObjectField
from hub.contract.packed import PackedBytes, PackedInstances


def pack_instances(
    images: np.ndarray,
    count: int,
    *,
    ids: np.ndarray,
    boxes: np.ndarray,
    labels: np.ndarray,
    crowd: np.ndarray | None = None,
    area: np.ndarray | None = None,
    segments: Sequence[bytes] | None = None,
    keypoints: np.ndarray | None = None,
    keypoint_names: tuple[str, ...] = (),
    fields: Mapping[str, ObjectField] | None = None,
) -> PackedInstances:
    """Group objects by image; the objects of an image keep their order.

    Args:
        images: (A,) integers, the position of each object's image in the dataset.
        count: number of images, including those without objects.
        ids: (A,) integers, the annotations' ids.
        boxes: (A, 4) x1 y1 x2 y2 in pixels.
        labels: (A,) indices from 0.
        crowd: (A,) bool, by default all False.
        area: (A,) in pixels, by default the boxes' area.
        segments: A polygons or RLEs as JSON; empty where an object has none.
        keypoints: (A, K, 3) x y in pixels and visibility.
        keypoint_names: the K names.
        fields: further values of the objects by name, each with A rows.

    Returns:
        `PackedInstances` in which every box is usable; `check_boxes` finds the bad ones.

    >>> packed = pack_instances(np.array([2, 0]), 3, ids=np.array([7, 8]), boxes=np.ones((2, 4)), labels=np.zeros(2))
    >>> packed.ids.tolist(), packed.offsets.tolist()
    ([8, 7], [0, 1, 1, 2])
    """
    order = np.argsort(images, kind="stable")
    offsets = np.zeros(count + 1, np.int64)
    np.cumsum(np.bincount(images, minlength=count), out=offsets[1:])
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    if area is None:
        area = (boxes[:, 2:] - boxes[:, :2]).clip(min=0).prod(1)
    return PackedInstances(
        offsets=offsets,
        ids=np.asarray(ids, np.int64)[order],
        boxes=boxes[order],
        labels=np.asarray(labels, np.int64)[order],
        crowd=np.zeros(len(order), bool) if crowd is None else np.asarray(crowd, bool)[order],
        area=np.asarray(area, np.float64)[order],
        usable=np.ones(len(order), bool),
        segments=None if segments is None else PackedBytes.pack(segments[i] for i in order),
        keypoints=None if keypoints is None else np.asarray(keypoints, np.float32)[order],
        keypoint_names=keypoint_names,
        fields={name: values[order] for name, values in (fields or {}).items()},
    )


def select_images(instances: PackedInstances, keep: np.ndarray) -> PackedInstances:
    """Return the objects of some images only.

    Args:
        instances: objects of n images.
        keep: (n,) bool, the images to keep.
    """
    if keep.all():
        return instances
    counts = np.diff(instances.offsets)
    rows = np.flatnonzero(np.repeat(keep, counts))
    return replace(
        instances,
        offsets=np.concatenate([[0], np.cumsum(counts[keep])]),
        ids=instances.ids[rows],
        boxes=instances.boxes[rows],
        labels=instances.labels[rows],
        crowd=instances.crowd[rows],
        area=instances.area[rows],
        usable=instances.usable[rows],
        segments=None if instances.segments is None else instances.segments.take(rows),
        keypoints=None if instances.keypoints is None else instances.keypoints[rows],
        fields={name: values[rows] for name, values in instances.fields.items()},
    )
