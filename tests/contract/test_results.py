from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from pycocotools import mask as coco_mask

from hub import Detections, LabelSpace, Result

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
