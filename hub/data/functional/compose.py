"""Combine several samples: side by side, one over another, or only their objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hub.contract.sample import Instances, Sample
from hub.data.functional.geometry import box_around, clip, crop, pad


def with_objects(sample: Sample, *others: Sample) -> Sample:
    """Return the sample with the objects of other samples of the same size added."""
    groups = [one.instances for one in (sample, *others) if one.instances is not None]
    return replace(sample, instances=Instances.join(groups)) if groups else sample


def fit(sample: Sample, size: tuple[int, int]) -> Sample:
    """Crop and pad at the right and the bottom to ``size`` = (height, width)."""
    height, width = sample.image.shape[:2]
    if (height, width) == size:
        return sample
    return pad(crop(sample, 0, 0, (min(height, size[0]), min(width, size[1]))), size)


def collage(pieces: Sequence[tuple[Sample, int, int]], size: tuple[int, int], *, fill: float = 0) -> Sample:
    """Place samples on a canvas without overlap.

    Args:
        pieces: at least one sample, each with the row and column of its top left corner, inside the canvas. The
            result has the id, the path and the tags of the first.
        size: height and width of the canvas.
        fill: value of pixels without an image; in maps they are "ignore".
    """
    placed = [pad(sample, size, top=top, left=left, fill=fill) for sample, top, left in pieces]
    canvas = with_objects(placed[0], *placed[1:])
    image = canvas.image.copy()
    maps = {
        name: values.astype(np.result_type(*(sample.maps[name] for sample, _, _ in pieces)))
        for name, values in canvas.maps.items()
    }
    for sample, top, left in pieces[1:]:
        rows, columns = (slice(at, at + side) for at, side in zip((top, left), sample.image.shape[:2], strict=True))
        image[rows, columns] = sample.image
        for name, values in sample.maps.items():
            maps[name][..., rows, columns] = values
    return replace(canvas, image=image, maps=maps)


def overlay(under: Sample, over: Sample, region: np.ndarray, *, min_visibility: float = 0.0) -> Sample:
    """Paste the pixels of ``over`` within a region onto ``under``, and combine the objects of both.

    The masks of ``under`` lose the pixels of the region; see `cover`. The objects of ``over`` are not changed: select
    and crop them first.

    Args:
        under, over: samples of the same size.
        region: (H, W) bool.
        min_visibility: see `cover`.
    """
    maps = {name: np.where(region, over.maps[name], values) for name, values in under.maps.items()}
    image = np.where(region[..., None], over.image, under.image)
    instances = under.instances
    if instances is not None:
        instances = cover(instances, region, min_visibility=min_visibility)
    return with_objects(replace(under, image=image, maps=maps, instances=instances), over)


def cover(instances: Instances, region: np.ndarray, *, min_visibility: float = 0.0) -> Instances:
    """Return the visible parts of objects that a region covers.

    Covered pixels are removed from masks, and boxes are tightened around the rest of the mask, or of the box if there
    is no mask. Covered keypoints get the visibility 1 (hidden). Objects without a visible pixel are removed.

    Args:
        instances: the objects.
        region: (H, W) bool, the covered pixels.
        min_visibility: fraction of an object's pixels that must be visible to keep the object.
    """
    height, width = region.shape
    boxes = instances.boxes.copy()
    masks = None if instances.masks is None else instances.masks.without(region)
    pixels, visible = np.zeros((2, len(instances)), np.int64)
    around = np.zeros((len(instances), 4), np.float32)
    if instances.masks is not None and masks is not None:
        pixels, visible, around = instances.masks.areas, masks.areas, masks.boxes
    for i in np.flatnonzero(pixels == 0):  # without a mask, the pixels of the object are those of its box
        x1, y1, x2, y2 = instances.boxes[i]
        corner = max(0, int(x1)), max(0, int(y1))
        seen = ~region[corner[1] : int(np.ceil(y2)), corner[0] : int(np.ceil(x2))]
        pixels[i], visible[i] = seen.size, np.count_nonzero(seen)
        if visible[i]:
            around[i] = box_around(seen) + np.tile(corner, 2)
    hidden = visible < pixels
    tight = np.concatenate([np.maximum(boxes[:, :2], around[:, :2]), np.minimum(boxes[:, 2:], around[:, 2:])], axis=1)
    boxes[hidden] = tight[hidden]
    boxes[hidden & ((visible == 0) | (visible < min_visibility * pixels))] = 0  # `clip` removes boxes without area
    keypoints = instances.keypoints
    if keypoints is not None:
        x, y = (keypoints[..., axis].astype(np.int64).clip(0, side - 1) for axis, side in ((0, width), (1, height)))
        covered = region[y, x] & (keypoints[..., 2] == 2)
        keypoints = keypoints.copy()
        keypoints[..., 2][covered] = 1
    return clip(replace(instances, boxes=boxes, masks=masks, keypoints=keypoints), (height, width))
