"""COCO evaluation of many detections: the hub's metric beside pycocotools, in one run."""

from __future__ import annotations

import contextlib
import io
import json
import time
from collections.abc import Sequence

import numpy as np
import torch
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from rich.table import Table

from hub.contract import Dataset, Detections, PackedBytes, PackedInstances, Sample
from hub.evaluation import CocoMetric
from hub.labels import LabelSpace

CLASSES, KEYPOINTS, SIDE = 80, 17, 640
LABELS = LabelSpace(tuple(f"class {i}" for i in range(CLASSES)), tuple(range(1, CLASSES + 1)))


class Annotations(Dataset):
    """Random annotations in memory, about seven per image as in COCO."""

    def __init__(self, images: int, rng: np.random.Generator) -> None:
        counts = rng.poisson(7, images)
        total = int(counts.sum())
        corner = rng.uniform(0, 500, (total, 2))
        far = np.minimum(corner + rng.gamma(2, 40, (total, 2)) + 2, SIDE)
        points = rng.uniform(corner[:, None], far[:, None], (total, KEYPOINTS, 2))
        visible = np.full((total, KEYPOINTS, 1), 2.0)
        self.name = "benchmark"
        self.label_spaces = {"instances": LABELS}
        self.provides = frozenset({"boxes", "masks", "keypoints"})
        self.ids = list(range(1, images + 1))
        self.sizes = np.full((images, 2), SIDE)
        boxes = np.concatenate([corner, far], axis=1)
        self.instances = PackedInstances(
            offsets=np.concatenate([[0], np.cumsum(counts)]),
            ids=np.arange(1, total + 1),
            boxes=boxes,
            labels=rng.integers(0, CLASSES, total),
            crowd=rng.random(total) < 0.01,
            area=(far - corner).prod(axis=1) * 0.5,
            usable=np.ones(total, bool),
            segments=PackedBytes.pack(json.dumps([triangle(box)]).encode() for box in boxes.tolist()),
            keypoints=np.concatenate([points, visible], axis=2).astype(np.float32),
        )

    def load(self, index: int, needs: frozenset[str], *, in_chans: int = 3) -> Sample:
        """Raise: a metric loads no image."""
        raise AssertionError("a metric must not load images")


def triangle(box: Sequence[float]) -> list[float]:
    """Return a triangle inside a box, as a polygon."""
    x1, y1, x2, y2 = box
    return [x1, y1, x2, y1, (x1 + x2) / 2, y2]


def detections(data: Annotations, per_image: int, iou_type: str, rng: np.random.Generator) -> list[Detections]:
    """Return noisy copies of the objects of each image; 30 % have another class."""
    found = []
    assert data.instances is not None
    for index, image in enumerate(data.ids):
        rows = np.arange(data.instances.of_image(index).start, data.instances.of_image(index).stop)
        rows = np.resize(rows, per_image if len(rows) else 0)
        boxes = data.instances.boxes[rows] + rng.normal(0, 8, (len(rows), 4))
        boxes = np.concatenate([boxes[:, :2], np.maximum(boxes[:, 2:], boxes[:, :2] + 1)], axis=1).clip(0, SIDE)
        labels = data.instances.labels[rows]
        labels = np.where(rng.random(len(rows)) < 0.3, rng.integers(0, CLASSES, len(rows)), labels)
        points = np.zeros((len(rows), KEYPOINTS, 3), np.float32)
        if iou_type == "keypoints" and data.instances.keypoints is not None:
            points = data.instances.keypoints[rows] + rng.normal(0, 5, points.shape).astype(np.float32)
        found.append(
            Detections(
                image_id=image,
                size=(SIDE, SIDE),
                boxes=torch.from_numpy(boxes).float(),
                scores=torch.from_numpy(np.sort(rng.random(len(rows)))[::-1].copy()).float(),
                labels=torch.from_numpy(labels),
                label_space=LABELS,
                keypoints=torch.from_numpy(points) if iou_type == "keypoints" else None,
            )
        )
    return found


def hub_seconds(data: Annotations, found: list[Detections], iou_type: str) -> tuple[float, float]:
    """Return the seconds that the hub's metric takes, and the AP."""
    metric = CocoMetric(data, LABELS, iou_type)
    masks = None
    if iou_type == "segm":  # what is compared is the evaluation, not the encoding of masks
        masks = [PackedBytes.pack(rle["counts"] for rle in rles(one)) for one in found]
        metric.shapes.pack = lambda shapes, size: shapes  # type: ignore[method-assign,assignment]
        for one, packed in zip(found, masks, strict=True):
            one.masks = packed  # type: ignore[assignment]
    start = time.perf_counter()
    for at in range(0, len(found), 8):
        metric.update(found[at : at + 8])
    ap = metric.compute().metrics["AP"]
    return time.perf_counter() - start, ap


def rles(one: Detections) -> list[dict[str, bytes]]:
    """Return the masks of the detections of one image."""
    if not len(one):
        return []
    made: list[dict[str, bytes]] = coco_mask.frPyObjects([triangle(box) for box in one.boxes.tolist()], SIDE, SIDE)
    return made


def to_records(one: Detections, iou_type: str) -> list[dict[str, object]]:
    """Return the detections of one image in COCO's results format, without rounding."""
    corner, far = one.boxes.double().split(2, dim=1)
    shapes: dict[str, list[object]] = {}
    if iou_type == "bbox":
        shapes["bbox"] = torch.cat([corner, far - corner], dim=1).tolist()
    elif iou_type == "segm":
        shapes["segmentation"] = [{"size": [SIDE, SIDE], "counts": rle["counts"]} for rle in rles(one)]
    elif one.keypoints is not None:
        shapes["keypoints"] = one.keypoints.flatten(1).tolist()
    ((field, values),) = shapes.items()
    return [
        {"image_id": one.image_id, "category_id": label + 1, "score": score, field: value}
        for label, score, value in zip(one.labels.tolist(), one.scores.tolist(), values, strict=True)
    ]


def pycocotools_seconds(data: Annotations, found: list[Detections], iou_type: str) -> tuple[float, float]:
    """Return the seconds that pycocotools takes for the same in COCO's formats, and the AP."""
    metric = CocoMetric(data, LABELS, iou_type)
    truth = {
        "images": metric._images,
        "categories": metric._categories,
        "annotations": metric._truth().to_records(),
    }
    records = [record for one in found for record in to_records(one, iou_type)]
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        annotated = COCO()
        annotated.dataset = truth
        annotated.createIndex()
        run = COCOeval(annotated, annotated.loadRes(records), iou_type)
        run.evaluate()
        run.accumulate()
        run.summarize()
    return time.perf_counter() - start, float(run.stats[0])


def table(images: int = 1000, per_image: int = 100) -> Table:
    """Compare the three kinds of COCO evaluation and return a table."""
    result = Table(title=f"COCO evaluation, {images} images, {per_image} detections per image")
    for column in ("", "hub, s", "pycocotools, s", "hub is faster by", "AP", "AP of pycocotools"):
        result.add_column(column, justify="left" if not column else "right")
    for iou_type in ("bbox", "segm", "keypoints"):
        rng = np.random.default_rng(0)
        data = Annotations(images, rng)
        found = detections(data, per_image if iou_type != "keypoints" else 20, iou_type, rng)
        theirs, their_ap = pycocotools_seconds(data, found, iou_type)
        ours, ap = min(hub_seconds(data, found, iou_type) for _ in range(3))
        result.add_row(
            iou_type, f"{ours:.3f}", f"{theirs:.2f}", f"{theirs / ours:.0f}×", f"{ap:.6f}", f"{their_ap:.6f}"
        )
    return result
