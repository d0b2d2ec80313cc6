"""Faster R-CNN as a head of the hub: empty images, precision, results, options, training."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import hub
from hub.contract import Batch, InstanceTargets, pad_images
from hub.errors import DataError, OptionError

LABELS = ["circle", "square", "bar"]
LOSSES = {"loss_rpn_objectness", "loss_rpn_box", "loss_classifier", "loss_box"}
SMALL: dict[str, Any] = {
    "anchor_sizes": (8, 16, 32, 64, 128),
    "rpn_pre_nms_topk_train": 100,
    "rpn_post_nms_topk_train": 100,
    "rpn_pre_nms_topk_test": 60,
    "rpn_post_nms_topk_test": 60,
    "rpn_batch_size_per_image": 64,
    "box_batch_size_per_image": 32,
    "box_head_fc_channels": 64,
    "detections_per_img": 20,
}
# Deterministic losses: every anchor and every proposal is sampled.
ALL: dict[str, Any] = {
    "rpn_batch_size_per_image": 10**4,
    "rpn_positive_fraction": 1.0,
    "box_batch_size_per_image": 10**4,
    "box_positive_fraction": 1.0,
}


def _model(**options: Any) -> Any:
    torch.manual_seed(0)
    return hub.create("faster-rcnn/resnet18-fpn", labels=LABELS, channels=32, **{**SMALL, **options})


def _batch(objects: int = 2, valid: bool = True) -> Batch:
    rng = np.random.default_rng(0)
    images, sizes = pad_images([rng.integers(0, 256, (*s, 3), dtype=np.uint8) for s in ((64, 96), (60, 70))])
    boxes = torch.tensor([[5.0, 5, 30, 30], [30, 20, 60, 55]])[:objects].repeat(2, 1, 1)
    mask = torch.full((2, objects), valid)
    targets = InstanceTargets(
        boxes=boxes,
        labels=torch.tensor([0, 2])[:objects].repeat(2, 1),
        valid=mask,
        crowd=torch.zeros_like(mask),
    )
    return Batch(images=images, sizes=sizes, original_sizes=sizes * 2, ids=["a.jpg", "b.jpg"], instances=targets)


def _losses(model: Any, batch: Batch) -> dict[str, Tensor]:
    return model.train()(batch)["faster-rcnn"]


@pytest.mark.parametrize("batch", [_batch(), _batch(valid=False), _batch(objects=0)], ids=["full", "invalid", "none"])
def test_every_batch_gives_all_losses_and_gradients(batch: Batch) -> None:
    model = _model()
    losses = _losses(model, batch)
    assert losses.keys() == LOSSES
    assert all(v.dtype == torch.float32 and v.ndim == 0 and v.isfinite() for v in losses.values())
    sum(losses.values()).backward()  # type: ignore[union-attr]
    without = [name for name, p in model.named_parameters() if p.grad is None]
    assert not without
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_invalid_objects_do_not_affect_the_losses() -> None:
    model, batch = _model(**ALL).eval(), _batch()
    assert batch.instances is not None
    crowded = replace(batch.instances, valid=torch.tensor([[True, False]] * 2))
    alone = replace(
        batch.instances,
        **{name: getattr(batch.instances, name)[:, :1] for name in ("boxes", "labels", "valid", "crowd")},
    )
    head, features = model.heads["faster-rcnn"], model.features(batch)
    expected = head.losses(features, replace(batch, instances=alone))
    assert all(value > 0 for value in expected.values())
    for name, value in head.losses(features, replace(batch, instances=crowded)).items():
        torch.testing.assert_close(value, expected[name])


def test_a_batch_without_instances_is_an_error() -> None:
    with pytest.raises(DataError, match="boxes"):
        _losses(_model(), replace(_batch(), instances=None))


def test_losses_in_bfloat16_are_float32_and_close() -> None:
    model = _model(**ALL)
    model.train()
    exact = _losses(model, _batch())
    with torch.autocast("cpu", torch.bfloat16):
        low = _losses(model, _batch())
    assert all(v.dtype == torch.float32 for v in low.values())
    torch.testing.assert_close(low["loss_rpn_objectness"], exact["loss_rpn_objectness"], rtol=0.05, atol=0.01)
    torch.testing.assert_close(low["loss_classifier"], exact["loss_classifier"], rtol=0.05, atol=0.05)


def test_nan_weights_give_a_nonfinite_loss_and_no_crash() -> None:
    model = _model()
    with torch.no_grad():
        model.heads["faster-rcnn"].rpn.convs[0].weight.fill_(torch.nan)
    assert not torch.stack(list(_losses(model, _batch()).values())).isfinite().all()


def test_predictions_have_fixed_shapes_and_zeros_in_invalid_slots() -> None:
    model = _model(score_thresh=0.2, nms_thresh=0.3).eval()
    with torch.inference_mode():
        raw = model(_batch())["faster-rcnn"]
    assert {k: tuple(v.shape) for k, v in raw.items()} == {
        "boxes": (2, 20, 4),
        "scores": (2, 20),
        "labels": (2, 20),
        "valid": (2, 20),
    }
    assert raw["valid"].any()
    assert not raw["boxes"][~raw["valid"]].any()
    results = model.infer(_batch(), precision="fp32")["faster-rcnn"]
    for i, result in enumerate(results):
        assert isinstance(result, hub.Detections)
        assert len(result) == raw["valid"][i].sum()
        assert result.label_space == model.labels["faster-rcnn"]
        assert set(result.names) <= set(LABELS)
    assert [r.image_id for r in results] == ["a.jpg", "b.jpg"]


def test_results_are_in_pixels_of_the_file_and_clipped_to_it() -> None:
    head = _model().heads["faster-rcnn"]
    batch = replace(_batch(), original_sizes=torch.tensor([[128, 288], [30, 35]]))  # resized to (64, 96), (60, 70)
    raw = {
        "boxes": torch.tensor([[[10.0, 10, 96, 64], [0, 0, 0, 0]], [[10.0, 20, 90, 40], [0, 0, 4, 4]]]),
        "scores": torch.tensor([[0.9, 0.0], [0.8, 0.7]]),
        "labels": torch.tensor([[1, 0], [2, 0]]),
        "valid": torch.tensor([[True, False], [True, True]]),
    }
    first, second = head.results(raw, batch)
    assert first.boxes.tolist() == [[30, 20, 288, 128]]
    assert first.names == ["square"]
    assert first.size == (128, 288)
    assert second.boxes.tolist() == [[5, 10, 35, 20], [0, 0, 2, 2]]


def test_class_rows_list_all_parameters_with_rows_per_class() -> None:
    head = _model().heads["faster-rcnn"]
    parameters = dict(head.named_parameters())
    rows = head.class_rows()
    per_class = {n for n, p in parameters.items() if p.shape[0] in (len(LABELS) + 1, 4 * (len(LABELS) + 1))}
    assert rows.keys() == per_class
    for name, where in rows.items():
        assert parameters[name].shape[0] == (len(LABELS) + where.offset) * where.width


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"anchor_sizes": (8, 16)}, "anchor_sizes"),
        ({"pool_levels": ("p2", "p7")}, "pool_levels"),
        ({"pool_levels": ("p2", "p4")}, "consecutive"),
        ({"rpn_fg_iou_thresh": 0.2}, "rpn_bg_iou_thresh"),
        ({"box_batch_size_per_img": 3}, "Did you mean box_batch_size_per_image"),
        ({"score_thresh": 2.0}, "score_thresh"),
    ],
)
def test_invalid_options_are_refused_by_name(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        _model(**options)


def test_levels_with_different_channels_are_refused() -> None:
    options = {"anchor_levels": ("c4", "c5"), "pool_levels": ("c4",), "anchor_sizes": (64, 128)}
    with pytest.raises(OptionError, match="same number of channels"):
        hub.create("faster-rcnn/resnet18", labels=LABELS, **options)


def test_one_raw_level_is_enough() -> None:
    torch.manual_seed(0)
    options = {"anchor_levels": ("c4",), "pool_levels": ("c4",), "anchor_sizes": (32,)}
    model = hub.create("faster-rcnn/resnet18", labels=LABELS, **{**SMALL, **options})
    assert _losses(model, _batch()).keys() == LOSSES


def test_a_single_class_is_enough() -> None:
    torch.manual_seed(0)
    model = hub.create("faster-rcnn/resnet18-fpn", labels=["cell"], channels=32, **SMALL)
    batch = _batch(objects=1)
    assert _losses(model, batch)["loss_classifier"] > 0


def test_it_overfits_a_few_images() -> None:
    """Training from random weights fits the boxes and classes of four images."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    images, boxes, labels = [], [], []
    for _ in range(4):
        image = rng.integers(90, 110, (64, 64, 3), dtype=np.uint8)
        corners = [(4, 6, 28, 30), (36, 34, 60, 58)]
        classes = rng.permutation(3)[:2]
        for (x1, y1, x2, y2), label in zip(corners, classes, strict=True):
            image[y1:y2, x1:x2] = [(255, 0, 0), (0, 255, 0), (0, 0, 255)][label]
        images.append(image)
        boxes.append(corners)
        labels.append(classes)
    stacked, sizes = pad_images(images)
    mask = torch.ones(4, 2, dtype=torch.bool)
    targets = InstanceTargets(
        boxes=torch.tensor(boxes, dtype=torch.float32),
        labels=torch.tensor(np.array(labels)),
        valid=mask,
        crowd=~mask,
    )
    batch = Batch(images=stacked, sizes=sizes, original_sizes=sizes, ids=range(4), instances=targets)
    model = hub.create("faster-rcnn/resnet10t-fpn", labels=LABELS, channels=64, **SMALL)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for _ in range(80):
        optimizer.zero_grad()
        sum(_losses(model, batch).values()).backward()  # type: ignore[union-attr]
        optimizer.step()
    for i, found in enumerate(model.infer(batch, precision="fp32")["faster-rcnn"]):
        sure = found.above(0.5)
        order = sure.boxes[:, 0].argsort()
        assert sure.labels[order].tolist() == targets.labels[i].tolist()
        assert (sure.boxes[order] - targets.boxes[i]).abs().max() < 4
