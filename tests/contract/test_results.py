from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from hub import Detections, LabelSpace, Result
from hub.contract import Dataset, Sample
from hub.data.annotations.packing import pack_instances
from hub.evaluation import CocoMetric

LABELS = LabelSpace(("cat", "dog"), (17, 18))


def found(**more: torch.Tensor) -> Detections:
    return Detections(
        image_id="street.jpg",
        size=(10, 20),
        boxes=torch.tensor([[1.0, 2, 11, 8], [0, 0, 5, 5]]),
        scores=torch.tensor([0.9, 0.3]),
        labels=torch.tensor([1, 0]),
        label_space=LABELS,
        **more,  # type: ignore[arg-type]
    )


def test_names_and_length() -> None:
    assert len(found()) == 2
    assert found().names == ["dog", "cat"]


def test_above_keeps_everything_of_the_better_ones() -> None:
    masks = torch.zeros(2, 10, 20, dtype=torch.bool)
    masks[0, 2:8, 1:11] = True
    best = found(masks=masks, keypoints=torch.ones(2, 4, 3)).above(0.9)
    assert (len(best), best.names, best.size, best.image_id) == (1, ["dog"], (10, 20), "street.jpg")
    assert best.masks is not None
    assert best.keypoints is not None
    assert torch.equal(best.masks, masks[:1])
    assert len(best.keypoints) == 1
    assert len(found().above(1.0)) == 0


def test_records_are_cocos() -> None:
    first, second = found().to_records()
    assert first == {
        "image_id": "street.jpg",
        "category_id": 18,
        "label": "dog",
        "bbox": [1.0, 2.0, 10.0, 6.0],
        "score": pytest.approx(0.9),
    }
    assert second["category_id"] == 17
    json.dumps([first, second])


def test_masks_and_keypoints_in_records() -> None:
    masks = torch.rand(2, 10, 20, generator=torch.Generator().manual_seed(0)) > 0.5
    keypoints = torch.arange(24.0).view(2, 4, 3)
    records = json.loads(json.dumps(found(masks=masks, keypoints=keypoints).to_records()))
    for record, mask, points in zip(records, masks, keypoints, strict=True):
        assert np.array_equal(coco_mask.decode(record["segmentation"]).astype(bool), mask.numpy())
        assert record["keypoints"] == points.flatten().tolist()


def test_nothing_found() -> None:
    empty = Detections(
        image_id=1, size=(4, 4), boxes=torch.zeros(0, 4), scores=torch.zeros(0),
        labels=torch.zeros(0, dtype=torch.int64), label_space=LABELS, masks=torch.zeros(0, 4, 4, dtype=torch.bool),
    )  # fmt: skip
    assert (len(empty), empty.names, empty.to_records()) == (0, [], [])


def test_a_plain_result_has_no_records() -> None:
    assert Result(image_id=1, size=(2, 2)).to_records() == []


@pytest.mark.parametrize("shape", ["boxes", "masks", "keypoints"])
def test_pycocotools_computes_the_same_metrics_from_the_records(shape: str) -> None:
    """Also those by size: an object's area is that of its mask, not of its box."""
    rng = np.random.default_rng(3)
    labels = LabelSpace(("cat", "dog"), (17, 18))
    size = (200, 200)
    corner = rng.uniform(0, 80, (12, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(10, 110, (12, 2))], axis=1).astype(np.float32)
    masks = np.zeros((12, *size), bool)
    for mask, (x1, y1, x2, y2) in zip(masks, boxes.astype(int), strict=True):
        mask[y1 : y1 + (y2 - y1) // 3 + 1, x1:x2] = True  # a third of its box: many change their size class
    points = np.concatenate([rng.uniform(0, 190, (12, 17, 2)), np.full((12, 17, 1), 2.0)], axis=2).astype(np.float32)
    kept = rng.permutation(12)
    found = Detections(
        image_id=7,
        size=size,
        boxes=torch.from_numpy(boxes[kept] + rng.normal(0, 3, (12, 4)).astype(np.float32)),
        scores=torch.from_numpy(np.sort(rng.random(12))[::-1].astype(np.float32).copy()),
        labels=torch.from_numpy(kept % 2),
        label_space=labels,
        masks=torch.from_numpy(np.roll(masks[kept], 2, axis=2)) if shape == "masks" else None,
        keypoints=torch.from_numpy(points[kept] + rng.normal(0, 4, points.shape).astype(np.float32))
        if shape == "keypoints"
        else None,
    )
    areas = masks.sum((1, 2)).astype(float) if shape == "masks" else (boxes[:, 2:] - boxes[:, :2]).prod(1).astype(float)
    truth = COCO()
    truth.dataset = {
        "images": [{"id": 7, "height": 200, "width": 200}],
        "categories": [{"id": 17, "name": "cat"}, {"id": 18, "name": "dog"}],
        "annotations": [
            {
                "id": i + 1, "image_id": 7, "category_id": 17 + i % 2, "iscrowd": 0, "area": areas[i],
                "bbox": [*boxes[i, :2].tolist(), *(boxes[i, 2:] - boxes[i, :2]).tolist()],
                "segmentation": _rle(masks[i]), "keypoints": points[i].ravel().tolist(), "num_keypoints": 17,
            }
            for i in range(12)
        ],
    }  # fmt: skip
    truth.createIndex()
    kind = {"boxes": "bbox", "masks": "segm", "keypoints": "keypoints"}[shape]
    run = COCOeval(truth, truth.loadRes(json.loads(json.dumps(found.to_records()))), kind)
    run.evaluate()
    run.accumulate()
    run.summarize()

    class Data(Dataset):
        name, ids, sizes = "truth", [7], np.array([size])
        label_spaces, provides = {"instances": labels}, frozenset({shape})
        instances = pack_instances(
            np.zeros(12, int), 1, ids=np.arange(1, 13), boxes=boxes, labels=np.arange(12) % 2, area=areas,
            segments=[json.dumps(_rle(mask)).encode() for mask in masks], keypoints=points,
            keypoint_names=tuple(map(str, range(17))),
        )  # fmt: skip

        def load(self, index: int, needs: frozenset[str], *, in_chans: int = 3) -> Sample:
            raise AssertionError("a metric must not load images")

    metric = CocoMetric(Data(), labels, kind)
    metric.update([found])
    expected = np.where(run.stats < 0, np.nan, run.stats)
    assert np.nanmax(expected) > 0.2
    np.testing.assert_allclose(list(metric.compute().metrics.values()), expected, atol=1e-3)  # records are rounded


def _rle(mask: np.ndarray) -> dict[str, Any]:
    rle = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": list(rle["size"]), "counts": rle["counts"].decode()}
