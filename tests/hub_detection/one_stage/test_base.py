"""RetinaNet and FCOS as heads of the hub: empty images, precision, levels, options, training."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import hub
from hub.contract import Batch, InstanceTargets, Windows, pad_images
from hub.errors import DataError, OptionError
from hub.testing import check_task
from hub.weights import save, transfer
from hub_detection.nms import nms

LABELS = ["circle", "square", "bar"]
TASKS = ["retinanet", "fcos"]
LOSSES = {
    "retinanet": {"loss_classifier", "loss_box"},
    "fcos": {"loss_classifier", "loss_box", "loss_centerness"},
}
SMALL: dict[str, Any] = {"num_convs": 1, "tower_norm": "group", "topk_candidates": 50, "detections_per_img": 20}
SIZES: dict[str, dict[str, Any]] = {"retinanet": {"anchor_sizes": (16, 32, 64, 128, 256)}, "fcos": {}}


@pytest.mark.parametrize("task", TASKS)
def test_contract(task: str) -> None:
    check_task(task, **SMALL, **SIZES[task])


def test_contract_of_v2() -> None:
    check_task("retinanet", **SMALL, **SIZES["retinanet"], extra_from="c5", box_loss="giou")


def _model(task: str, **options: Any) -> Any:
    torch.manual_seed(0)
    return hub.create(f"{task}/resnet18-fpn", labels=LABELS, **{"channels": 32, **SMALL, **SIZES[task], **options})


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
    return next(iter(model.train()(batch).values()))


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("batch", [_batch(), _batch(valid=False), _batch(objects=0)], ids=["full", "invalid", "none"])
def test_every_batch_gives_all_losses_and_gradients(task: str, batch: Batch) -> None:
    model = _model(task)
    losses = _losses(model, batch)
    assert losses.keys() == LOSSES[task]
    assert all(v.dtype == torch.float32 and v.ndim == 0 and v.isfinite() for v in losses.values())
    sum(losses.values()).backward()  # type: ignore[union-attr]
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("task", TASKS)
def test_an_image_without_objects_has_only_background_loss(task: str) -> None:
    losses = _losses(_model(task), _batch(valid=False))
    assert losses.pop("loss_classifier") > 0
    assert not any(losses.values())


@pytest.mark.parametrize("task", TASKS)
def test_invalid_objects_do_not_affect_the_losses(task: str) -> None:
    model, batch = _model(task).eval(), _batch()
    assert batch.instances is not None
    crowded = replace(batch.instances, valid=torch.tensor([[True, False]] * 2))
    alone = replace(
        batch.instances,
        **{name: getattr(batch.instances, name)[:, :1] for name in ("boxes", "labels", "valid", "crowd")},
    )
    head, features = model.heads[task], model.features(batch)
    expected = head.losses(features, replace(batch, instances=alone))
    assert all(value > 0 for value in expected.values())
    torch.testing.assert_close(head.losses(features, replace(batch, instances=crowded)), expected)


@pytest.mark.parametrize("task", TASKS)
def test_a_batch_without_instances_is_an_error(task: str) -> None:
    with pytest.raises(DataError, match="boxes"):
        _losses(_model(task), replace(_batch(), instances=None))


@pytest.mark.parametrize("task", TASKS)
def test_losses_in_bfloat16_are_float32_and_close(task: str) -> None:
    model = _model(task)
    exact = _losses(model, _batch())
    with torch.autocast("cpu", torch.bfloat16):
        low = _losses(model, _batch())
    assert all(v.dtype == torch.float32 for v in low.values())
    torch.testing.assert_close(low, exact, rtol=0.05, atol=0.02)


@pytest.mark.parametrize("task", TASKS)
def test_nan_weights_give_a_nonfinite_loss_and_no_crash(task: str) -> None:
    model = _model(task)
    with torch.no_grad():
        model.heads[task].bbox_reg.weight.fill_(torch.nan)
    assert not torch.stack(list(_losses(model, _batch()).values())).isfinite().all()


@pytest.mark.parametrize("task", TASKS)
def test_classes_start_with_the_prior_probability(task: str) -> None:
    model = _model(task, prior_prob=0.2, score_thresh=0.0)
    bias = model.heads[task].cls_logits.bias
    torch.testing.assert_close(bias, torch.full_like(bias, math.log(0.25)))


@pytest.mark.parametrize("task", TASKS)
def test_predictions_have_fixed_shapes_and_zeros_in_invalid_slots(task: str) -> None:
    model = _model(task, score_thresh=0.105, prior_prob=0.1, nms_thresh=0.3).eval()
    with torch.inference_mode():
        raw = model(_batch())[task]
    shapes = {"boxes": (2, 20, 4), "scores": (2, 20), "labels": (2, 20), "valid": (2, 20)}
    assert {k: tuple(v.shape) for k, v in raw.items()} == shapes
    assert raw["valid"].any()
    assert all(not raw[name][~raw["valid"]].any() for name in ("boxes", "scores", "labels"))
    assert (raw["scores"][raw["valid"]] > 0.105).all()
    for i, result in enumerate(model.infer(_batch(), precision="fp32")[task]):
        assert len(result) == raw["valid"][i].sum()
        assert result.label_space == model.labels[task]
        assert set(result.names) <= set(LABELS)


@pytest.mark.parametrize("task", TASKS)
def test_one_window_gives_the_same_detections_as_none(task: str) -> None:
    model, image = (
        _model(task, score_thresh=0.0, channels=64),
        np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8),
    )
    batch = model.prepare([image], resize=False)
    (whole,) = model.infer(batch, precision="fp32")[task]
    (cut,) = model.infer(batch, precision="fp32", windows=Windows((64, 96)))[task]
    assert len(cut) == len(whole) > 0
    for name in ("boxes", "scores", "labels"):
        torch.testing.assert_close(getattr(cut, name), getattr(whole, name))


def test_nms_suppresses_only_within_a_class_and_image() -> None:
    """Both images have the same two overlapping boxes: of one class in the first, of two in the second."""
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 9]]).repeat(2, 1, 1)
    scores, groups = torch.tensor([[0.6, 0.9]]).repeat(2, 1), torch.tensor([[1, 1], [0, 1]])
    index, valid = nms(boxes, scores, groups, torch.ones(2, 2, dtype=torch.bool), 0.5, 2)
    assert valid.tolist() == [[True, False], [True, True]]
    assert index.tolist() == [[1, 0], [1, 0]]


@pytest.mark.parametrize("task", TASKS)
def test_extra_levels_do_not_change_the_pyramid(task: str) -> None:
    """A two-stage head's p6 is pooled, a one-stage head's convolved; both work on one trunk."""
    torch.manual_seed(0)
    both = hub.create(
        f"{task}+faster-rcnn/resnet18-fpn",
        labels={task: LABELS, "faster-rcnn": LABELS},
        channels=32,
        heads={task: {**SMALL, **SIZES[task]}, "faster-rcnn": {"box_head_fc_channels": 16}},
    )
    features = both.eval().features(_batch())
    assert torch.equal(features["p6"], features["p5"][:, :, ::2, ::2])
    assert both.heads[task].level_strides == (8, 16, 32, 64, 128)
    alone = _model(task)
    assert set(alone.features(_batch())) == {"p3", "p4", "p5"}


def test_levels_and_anchor_sizes_are_options() -> None:
    options: dict[str, Any] = {"pyramid_levels": ("p2", "p3"), "extra_levels": 1, "scales_per_octave": 2}
    model = _model("retinanet", **options, anchor_sizes=(8, 16, 32))
    head = model.heads["retinanet"]
    assert head.level_strides == (4, 8, 16)
    cells = head.anchor_generator([(1, 1)] * 3, (16, 16))
    assert cells[0].shape == (6, 4)
    areas = torch.stack([(c[:, 2] - c[:, 0]) * (c[:, 3] - c[:, 1]) for c in cells])
    torch.testing.assert_close(
        areas[1:].sqrt(), torch.tensor([16.0, 22, 16, 22, 16, 22, 32, 45, 32, 45, 32, 45]).view(2, 6), rtol=0.1, atol=0
    )
    assert _losses(model, _batch()).keys() == LOSSES["retinanet"]
    fcos = _model("fcos", pyramid_levels=("p2", "p3", "p4"), extra_levels=0)
    assert fcos.heads["fcos"].level_strides == (4, 8, 16)
    assert _losses(fcos, _batch()).keys() == LOSSES["fcos"]


@pytest.mark.parametrize(
    ("task", "options", "message"),
    [
        ("retinanet", {"anchor_sizes": (8, 16)}, "anchor_sizes.* 5 levels"),
        ("retinanet", {"bg_iou_thresh": 0.6}, "bg_iou_thresh.*fg_iou_thresh"),
        ("retinanet", {"anchor_size": 3}, "Did you mean anchor_sizes"),
        ("retinanet", {"pyramid_levels": ("p3", "p5"), "anchor_sizes": (32, 64, 128, 256)}, "twice"),
        ("retinanet", {"extra_from": "c4"}, "stride 16"),
        ("fcos", {"extra_levels": 0, "extra_from": "c5"}, "extra_levels"),
        ("fcos", {"center_radios": 3}, "Did you mean center_sampling_radius"),
        ("fcos", {"pyramid_levels": ()}, "pyramid_levels"),
        ("fcos", {"prior_prob": 0.0}, "prior_prob"),
        ("fcos", {"tower_norm": "layer"}, "tower_norm"),
    ],
)
def test_invalid_options_are_refused_by_name(task: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        _model(task, **options)


def test_levels_with_different_channels_are_refused() -> None:
    with pytest.raises(OptionError, match="same number of channels"):
        hub.create("fcos/resnet18", labels=LABELS, pyramid_levels=("c4", "c5"))


@pytest.mark.parametrize("task", TASKS)
def test_class_weights_transfer_by_name(task: str, tmp_path: Path) -> None:
    """A class that both models have keeps its rows, and so its logits."""
    old = _model(task).eval()
    torch.manual_seed(1)
    new = hub.create(f"{task}/resnet18-fpn", labels=["bar", "new", "circle"], channels=32, **SMALL, **SIZES[task])
    transfer(new, save(old, tmp_path / "old.safetensors"))
    with torch.no_grad():
        before, after = (
            torch.cat(m.heads[task].dense_predictions(m.eval().features(_batch()), (64, 96)).logits, dim=1)
            for m in (old, new)
        )
    torch.testing.assert_close(after[:, :, [0, 2]], before[:, :, [2, 0]])


@pytest.mark.parametrize("task", TASKS)
def test_it_overfits_a_few_images(task: str) -> None:
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
    model = hub.create(f"{task}/resnet10t-fpn", labels=LABELS, channels=64, **SMALL, **SIZES[task])
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for _ in range(80):
        optimizer.zero_grad()
        sum(_losses(model, batch).values()).backward()  # type: ignore[union-attr]
        optimizer.step()
    for i, found in enumerate(model.infer(batch, precision="fp32")[task]):
        assert found.scores[1] > 0.5
        order = found.boxes[:2, 0].argsort()
        assert found.labels[:2][order].tolist() == targets.labels[i].tolist()
        assert (found.boxes[:2][order] - targets.boxes[i]).abs().max() < 4
