"""Any warp of an image and its annotations, given by the source of each pixel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from hub.contract.fields import ObjectField
from hub.contract.instance_masks import InstanceMasks
from hub.contract.sample import Instances, Sample
from hub.contract.targets import IGNORE
from hub.data.functional.affine import box_of_corners
from hub.data.functional.geometry import clip, tighten
from hub.data.functional.source_map import SourceMap


def warp(
    sample: Sample,
    image: np.ndarray,
    source: SourceMap,
    *,
    min_visibility: float = 0.0,
    keypoint_order: np.ndarray | None = None,
) -> Sample:
    """Return a sample whose image was warped, with its annotations moved along.

    Masks and maps are sampled by nearest neighbor. If the warp is affine, a new box encloses the four moved corners,
    and keypoints and fields of objects are moved by the matrix. Otherwise a new box encloses the pixels with a source
    in the old box, keypoints are looked up in the source map, and fields are moved by the local affine approximation of
    the warp at the center of each object. If an object has a mask, its box is tightened around it.

    Args:
        sample: the sample before the warp.
        image: (h, w, C), the warped image.
        source: the sources of its pixels.
        min_visibility: fraction of an object's box that must be inside the image to keep the object.
        keypoint_order: (K,) the order of keypoints in a flipped image.
    """
    maps = {name: _take(values, source) for name, values in sample.maps.items()}
    moved = replace(sample, image=image, maps=maps)
    if sample.instances is None:
        return moved
    matrix = source.matrix
    new = _by_matrix(sample.instances, matrix, source) if matrix is not None else _by_lookup(sample.instances, source)
    instances, visible = new
    if matrix is not None and np.linalg.det(matrix[:, :2]) < 0:
        instances = _reordered(instances, keypoint_order)
    if sample.instances.masks is not None:
        masks = _take_masks(sample.instances.masks, source)
        instances = replace(instances, masks=masks)
        instances = tighten(instances, sample.instances.masks.areas > 0)
    boxes = np.where((visible >= min_visibility)[:, None], instances.boxes, 0)  # `clip` removes boxes without area
    height, width = image.shape[:2]
    return replace(moved, instances=clip(replace(instances, boxes=boxes), (height, width)))


def _by_matrix(instances: Instances, matrix: np.ndarray, source: SourceMap) -> tuple[Instances, np.ndarray]:
    """Return the objects moved by a matrix, boxes clipped to the source; and the fraction of each box that is left."""
    whole = box_of_corners(instances.boxes, matrix)
    rows, columns = np.flatnonzero(source.inside.any(1)), np.flatnonzero(source.inside.any(0))
    low, high = np.array([columns[0], rows[0]]), np.array([columns[-1] + 1, rows[-1] + 1])
    boxes = whole.clip(np.tile(low, 2), np.tile(high, 2))
    area, left = ((b[:, 2:] - b[:, :2]).clip(0).prod(1) for b in (whole, boxes))
    keypoints = instances.keypoints
    if keypoints is not None:
        places = keypoints[..., :2] @ matrix[:, :2].T + matrix[:, 2]
        there = (places >= low - 0.01).all(-1) & (places <= high + 0.01).all(-1) & (keypoints[..., 2] > 0)
        keypoints = np.where(there[..., None], np.concatenate([places, keypoints[..., 2:]], -1), 0).astype(np.float32)
    fields = {name: values.moved(matrix) for name, values in instances.fields.items()}
    moved = replace(instances, boxes=boxes.astype(np.float32), keypoints=keypoints, fields=fields, masks=None)
    return moved, left / np.maximum(area, 1e-12)


def _by_lookup(instances: Instances, source: SourceMap) -> tuple[Instances, np.ndarray]:
    """Return the objects moved by a lookup of their pixels; and the fraction of each box's area that is left."""
    boxes = np.zeros((len(instances), 4), np.float32)
    visible = np.zeros(len(instances))
    for i, (x1, y1, x2, y2) in enumerate(instances.boxes.astype(np.float64)):
        here = source.inside & (source.x >= x1) & (source.x <= x2) & (source.y >= y1) & (source.y <= y2)
        rows, columns = np.flatnonzero(here.any(1)), np.flatnonzero(here.any(0))
        if len(rows):
            boxes[i] = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
            visible[i] = source.areas[here].sum() / max((x2 - x1) * (y2 - y1), 1e-12)
    keypoints = instances.keypoints
    if keypoints is not None:
        places, there = source.find(keypoints[..., :2].reshape(-1, 2).astype(np.float64))
        there = there.reshape(keypoints.shape[:2]) & (keypoints[..., 2] > 0)
        joined = np.concatenate([places.reshape(*keypoints.shape[:2], 2), keypoints[..., 2:]], -1)
        keypoints = np.where(there[..., None], joined, 0).astype(np.float32)
    fields = _fields_by_lookup(instances, source)
    return replace(instances, boxes=boxes, keypoints=keypoints, fields=fields, masks=None), visible


def _fields_by_lookup(instances: Instances, source: SourceMap) -> Mapping[str, ObjectField]:
    if not instances.fields or not len(instances):
        return instances.fields
    centers = (instances.boxes[:, :2] + instances.boxes[:, 2:]).astype(np.float64) / 2
    places, _ = source.find(centers)
    height, width = source.x.shape
    rows = np.floor(places[:, 1]).astype(np.int64).clip(0, height - 1)
    columns = np.floor(places[:, 0]).astype(np.int64).clip(0, width - 1)
    matrices = []
    for center, place, backward in zip(
        centers, places, source.jacobian[:, :, rows, columns].transpose(2, 0, 1), strict=True
    ):
        linear = np.linalg.inv(backward) if abs(np.linalg.det(backward)) > 1e-6 else np.eye(2)
        matrices.append(np.column_stack([linear, place - linear @ center]))
    return {
        name: ObjectField.join([values[i : i + 1].moved(matrix) for i, matrix in enumerate(matrices)])
        for name, values in instances.fields.items()
    }


def _reordered(instances: Instances, order: np.ndarray | None) -> Instances:
    if order is None or instances.keypoints is None:
        return instances
    return replace(instances, keypoints=np.ascontiguousarray(instances.keypoints[:, order]))


def _take(plane: np.ndarray, source: SourceMap) -> np.ndarray:
    """Return the values of (…, H, W) at the sources, "ignore" outside."""
    fill = IGNORE if np.issubdtype(plane.dtype, np.integer) else np.nan
    flat = plane.reshape(*plane.shape[:-2], -1).take(source.indices, -1)
    return np.where(source.inside, flat, np.array(fill, plane.dtype))


def _take_masks(masks: InstanceMasks, source: SourceMap) -> InstanceMasks:
    all_rows, all_columns = np.divmod(source.indices, source.size[1])
    windows, crops = [], []
    for (x, y), crop in zip(masks.corners.tolist(), masks.crops, strict=True):
        height, width = crop.shape
        here = (
            source.inside & (all_rows >= y) & (all_rows < y + height) & (all_columns >= x) & (all_columns < x + width)
        )
        rows, columns = np.flatnonzero(here.any(1)), np.flatnonzero(here.any(0))
        window = (slice(0, 0), slice(0, 0))
        if len(rows):
            window = (slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1))
        part = here[window]
        moved = np.zeros(part.shape, np.uint8)
        moved[part] = crop[all_rows[window][part] - y, all_columns[window][part] - x]
        windows.append(window)
        crops.append(moved)
    height, width = source.inside.shape
    return InstanceMasks.from_crops((height, width), windows, crops)
