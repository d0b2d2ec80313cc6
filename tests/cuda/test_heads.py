"""Every registered head gives the same losses, gradients and predictions on a GPU as on the CPU."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import hub
from hub.contract import Batch
from hub.contract.options import parse_options
from hub.labels import LabelSpace
from hub.model import Model
from hub.model.plan import head_class
from hub.precision import autocast, has_bf16
from hub.registry import FIRST_PARTY, entries
from hub.testing import IMAGE_SIZE, TinyDataset

LABELS = ["a", "b", "c"]
STUFF = ["d", "e", "f"]
# Every RoI is sampled, so that devices cannot differ by their random numbers.
RPN: dict[str, Any] = {
    "anchor_sizes": (8, 16, 32, 64, 128),
    "rpn_pre_nms_topk_train": 50,
    "rpn_pre_nms_topk_test": 50,
    "rpn_post_nms_topk_train": 40,
    "rpn_post_nms_topk_test": 40,
    "rpn_batch_size_per_image": 10**5,
    "rpn_positive_fraction": 1.0,
    "box_batch_size_per_image": 10**4,
    "box_positive_fraction": 1.0,
    "box_head_fc_channels": 32,
    "score_thresh": 0.0,
    "detections_per_img": 20,
}
DENSE: dict[str, Any] = {
    "num_convs": 1,
    "tower_norm": "group",
    "topk_candidates": 50,
    "detections_per_img": 20,
    "score_thresh": 0.0,
}
UNET = {"decoder_channels": (16, 8, 8, 8, 8)}
MASKS = {**RPN, "mask_head_channels": 8, "mask_head_num_convs": 1}
SEMANTIC_FPN = {"decoder_channels": 16}
PYRAMID = "resnet18-fpn"


@dataclass(frozen=True)
class Case:
    """A test case of a head: its options, the backbone, and the heads before it."""

    options: Mapping[str, Any] = field(default_factory=dict)
    backbone: str = "resnet18"
    beside: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    scale: int = 1  # of the images; PAN takes none of 128 pixels


CASES = {
    "faster-rcnn": Case(RPN, PYRAMID),
    "mask-rcnn": Case(MASKS, PYRAMID),
    "keypoint-rcnn": Case({**RPN, "keypoint_head_channels": 8, "keypoint_head_num_convs": 1}, PYRAMID),
    "cascade-rcnn": Case(RPN, PYRAMID),
    "cascade-mask-rcnn": Case(MASKS, PYRAMID),
    "retinanet": Case({**DENSE, "anchor_sizes": (16, 32, 64, 128, 256)}, PYRAMID),
    "fcos": Case(DENSE, PYRAMID),
    "semantic-fpn": Case(SEMANTIC_FPN, PYRAMID),
    "unet": Case(UNET),
    "unetplusplus": Case(UNET),
    "manet": Case({"decoder_channels": (32, 32, 16, 16, 16), "pab_channels": 8}),
    "linknet": Case({"decoder_channels": 8}),
    "pspnet": Case({"decoder_channels": 16}),
    "pan": Case({"decoder_channels": 8}, scale=2),
    "deeplabv3": Case({"decoder_channels": 16}),
    "deeplabv3plus": Case({"decoder_channels": 16}),
    "upernet": Case({"decoder_channels": 16}),
    "segformer": Case({"decoder_channels": 16}),
    "classification": Case(),
    "multilabel": Case({"from_level": "c5"}),
    "panoptic": Case(
        {"stuff_area_limit": 1, "score_thresh": 0.1},
        PYRAMID,
        {"mask-rcnn": MASKS, "semantic-fpn": SEMANTIC_FPN},
    ),
}
WITH_LOSSES = [task for task in CASES if task != "panoptic"]


def test_every_registered_head_has_a_case() -> None:
    assert {entry.name for entry in entries("tasks") if entry.distribution == FIRST_PARTY} == CASES.keys()


@pytest.mark.parametrize("task", CASES)
def test_the_options_of_a_case_are_known(task: str) -> None:
    """Checked without a GPU as well, so that a renamed option is noticed."""
    for name, options in {**CASES[task].beside, task: CASES[task].options}.items():
        parse_options(head_class(name).Options, options, owner=name)


def _make(task: str) -> tuple[Model, Batch]:
    """A model without dropout, and a batch with every kind of target, on the CPU."""
    case = CASES[task]
    names = [*case.beside, task]
    labels = dict.fromkeys(names, LABELS)
    if task == "panoptic":
        labels |= {"semantic-fpn": STUFF, "panoptic": LABELS + STUFF}
    torch.manual_seed(0)
    model = hub.create(
        f"{'+'.join(names)}/{case.backbone}",
        labels=labels,
        heads={**case.beside, task: case.options},
        **({"channels": 32} if case.backbone == PYRAMID else {}),
    )
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout | torch.nn.Dropout2d):
            module.p = 0.0
    rng = np.random.default_rng(0)
    targets = {
        "semantic": rng.integers(0, len(LABELS), (2, IMAGE_SIZE, IMAGE_SIZE)).astype(np.uint8),
        "class": np.array([0, 2]),
        "labels": np.array([[0, 1, np.nan], [1, 0, 1]], np.float32),
    }
    needs = frozenset().union(*(head.needs for _, head in model.items()))
    sources = [head.labels_from for _, head in model.items() if head.labels_from is not None]
    dataset = TinyDataset(
        LabelSpace.of(LABELS), labels_from=sources, targets={name: targets[name] for name in needs & targets.keys()}
    )
    batch = dataset.batch(needs)
    if case.scale > 1:
        batch = _enlarge(batch, case.scale)
    return model, batch


def _enlarge(batch: Batch, scale: int) -> Batch:
    """Return the batch with images and maps enlarged by a factor."""

    def grow(image: Tensor) -> Tensor:
        return image.repeat_interleave(scale, -2).repeat_interleave(scale, -1)

    maps = {name: grow(value) for name, value in batch.maps.items()}
    return replace(batch, images=grow(batch.images), sizes=batch.sizes * scale, maps=maps)


def _copy(model: Model, device: torch.device) -> Model:
    return copy.deepcopy(model).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def _losses(model: Model, batch: Batch, task: str) -> dict[str, Tensor]:
    torch.manual_seed(0)
    return model.train()(batch)[task]


@pytest.mark.cuda
@pytest.mark.parametrize("task", WITH_LOSSES)
def test_losses_and_gradients(task: str, device: torch.device) -> None:
    model, batch = _make(task)
    ours = _copy(model, device)
    expected, found = _losses(model, batch, task), _losses(ours, batch.to(device), task)
    assert found.keys() == expected.keys()
    for name, loss in expected.items():
        torch.testing.assert_close(found[name].cpu(), loss, rtol=1e-3, atol=1e-5, msg=lambda m, n=name: f"{n}: {m}")
    for losses in (expected, found):
        torch.stack(list(losses.values())).sum().backward()
    gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    total = torch.stack([g.norm() for g in gradients.values()]).norm()
    assert total > 0
    for name, p in ours.named_parameters():
        assert (p.grad is None) == (name not in gradients), name
        if p.grad is not None:
            difference = (p.grad.cpu() - gradients[name]).norm()
            assert difference <= 1e-2 * gradients[name].norm() + 1e-3 * total, f"{name}: {difference} of {total}"


@pytest.mark.cuda
@pytest.mark.parametrize("task", WITH_LOSSES)
def test_a_step_in_bfloat16(task: str, device: torch.device) -> None:
    """Losses are close to those in float32, and gradients are finite."""
    if not has_bf16(device):
        pytest.skip("no bfloat16 in hardware")
    model, batch = _make(task)
    model, batch = _copy(model, device), batch.to(device)
    expected = sum(_losses(model, batch, task).values())
    with autocast(device, "bf16"):
        found = sum(_losses(model, batch, task).values())
    torch.testing.assert_close(found, expected, rtol=0.1, atol=0.05)
    found.backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


@pytest.mark.cuda
@pytest.mark.parametrize("task", WITH_LOSSES)
@torch.no_grad()
def test_predictions(task: str, device: torch.device) -> None:
    model, batch = _make(task)
    _settle_norms(model, batch)
    ours = _copy(model, device)
    expected, found = model.eval()(batch)[task], ours.eval()(batch.to(device))[task]
    assert found.keys() == expected.keys()
    found = {name: value.cpu() for name, value in found.items()}
    if "boxes" in expected:
        _assert_the_same_objects(found, expected)
    else:
        for name, value in expected.items():
            torch.testing.assert_close(found[name], value, rtol=1e-3, atol=1e-3 * float(value.abs().max()))


@pytest.mark.cuda
def test_panoptic_results(device: torch.device) -> None:
    model, batch = _make("panoptic")
    _settle_norms(model, batch)
    ours = _copy(model, device)
    expected, found = (m.infer(batch, precision="fp32")["panoptic"] for m in (model, ours))
    for one, other in zip(found, expected, strict=True):
        assert (one.segments == other.segments).float().mean() > 0.99
        assert len(one.segments_info) == len(other.segments_info) > 0


def _settle_norms(model: Model, batch: Batch) -> None:
    """Give batch norms the statistics of the batch: with random weights, features would explode otherwise."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    model.train()
    torch.manual_seed(0)
    model(batch)


def _assert_the_same_objects(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Each device finds the objects of the other; objects with nearly equal scores may be in another order."""
    for image, valid in enumerate(expected["valid"]):
        own = {name: value[image][valid] for name, value in expected.items()}
        other = {name: value[image][found["valid"][image]] for name, value in found.items()}
        count = len(own["scores"])
        assert count > 0
        assert abs(len(other["scores"]) - count) <= 1
        distance = torch.cdist(own["boxes"], other["boxes"], p=float("inf"))
        distance += 1e3 * (own["labels"][:, None] != other["labels"])
        distance += 1e3 * (own["scores"][:, None] - other["scores"]).abs()
        nearest, place = distance.min(dim=1)
        same = nearest < 0.1
        assert same.sum() >= count - 1, f"{int((~same).sum())} of {count} objects differ"
        for name, value in own.items():
            if value.is_floating_point():
                scale = float(value[same].abs().max())
                torch.testing.assert_close(other[name][place[same]], value[same], rtol=1e-2, atol=1e-3 * scale)
