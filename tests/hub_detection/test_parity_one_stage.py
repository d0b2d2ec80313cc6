"""With the same weights, boxes, scores, labels and losses of RetinaNet and FCOS match torchvision's."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision.models import resnet18
from torchvision.models.detection import FCOS, RetinaNet
from torchvision.models.detection.backbone_utils import _resnet_fpn_extractor
from torchvision.models.detection.retinanet import RetinaNetHead
from torchvision.ops import FrozenBatchNorm2d
from torchvision.ops.feature_pyramid_network import LastLevelP6P7

import hub
from hub.contract import Batch, InstanceTargets, pad_images
from hub_detection.weights.torchvision_one_stage import load_one_stage

LABELS = ["one", "two", "three", "four"]
SIZES = [(80, 160), (96, 140)]  # padded to 96 × 160: p6 and p7 are rounded up
LIMITS = {"topk_candidates": 60, "detections_per_img": 40}
V2: dict[str, Any] = {"extra_from": "c5", "tower_norm": "group", "box_loss": "giou"}
KINDS = ["retinanet", "retinanet v2", "fcos"]
LOSSES = {"loss_classifier": "classification", "loss_box": "bbox_regression", "loss_centerness": "bbox_ctrness"}


def _theirs(kind: str) -> Any:
    """Return a torchvision model with weights that give varied scores and boxes."""
    torch.manual_seed(0)
    second = kind.endswith("v2")
    body = resnet18(norm_layer=nn.BatchNorm2d if second else FrozenBatchNorm2d)
    extra = LastLevelP6P7(512 if second else 256, 256)
    backbone = _resnet_fpn_extractor(body, 5, returned_layers=[2, 3, 4], extra_blocks=extra)
    limits: dict[str, Any] = {"topk_candidates": 60, "detections_per_img": 40, "min_size": 80, "max_size": 10**4}
    if kind == "fcos":
        model: Any = FCOS(backbone, num_classes=len(LABELS), **limits)
    else:
        norm = partial(nn.GroupNorm, 32) if second else None
        head = RetinaNetHead(256, 9, len(LABELS), norm_layer=norm)
        head.regression_head._loss_type = "giou" if second else "l1"
        model = RetinaNet(backbone, num_classes=len(LABELS), head=head, **limits)
    model.transform.resize = lambda image, target=None: (image, target)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, FrozenBatchNorm2d | nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.8, 1.5)
                module.weight.uniform_(0.5, 0.9)
                module.bias.normal_(0, 0.1)
            elif isinstance(module, nn.GroupNorm):
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(0, 0.1)
        for tower in (model.head.classification_head, model.head.regression_head):
            for layer in tower.conv.modules():
                if isinstance(layer, nn.Conv2d):
                    nn.init.kaiming_normal_(layer.weight)
                    if layer.bias is not None:
                        layer.bias.normal_(0, 0.1)
        _spread(model, model.head.classification_head.cls_logits, 1.0, mean=-2.0)
        _spread(model, model.head.regression_head.bbox_reg, *((1.0, 2.0) if kind == "fcos" else (0.3, 0.0)))
        if kind == "fcos":
            _spread(model, model.head.regression_head.bbox_ctrness, 1.0)
    return model


def _spread(model: Any, layer: nn.Conv2d, std: float, mean: float = 0.0) -> None:
    """Scale a layer's weights and bias so that each of its outputs has this mean and standard deviation."""
    seen: list[Tensor] = []
    handle = layer.register_forward_hook(lambda module, inputs, output: seen.append(output))
    model.eval()(_as_theirs(_batch())[0])
    handle.remove()
    outputs = torch.cat([s.transpose(0, 1).flatten(1) for s in seen], dim=1)
    factor = std / outputs.std(1)
    assert layer.bias is not None
    layer.weight.mul_(factor.view(-1, 1, 1, 1))
    layer.bias.copy_((layer.bias - outputs.mean(1)) * factor + mean)


def _pair(kind: str) -> tuple[Any, Any]:
    theirs = _theirs(kind)
    second = kind.endswith("v2")
    ours = hub.create(
        f"{kind.split()[0]}/resnet18-fpn",
        labels=LABELS,
        norm="batch" if second else "frozen",
        anchor_strides="image",  # like torchvision, where p6 and p7 are rounded up
        **LIMITS,
        **(V2 if second else {}),
    )
    load_one_stage(ours, theirs.state_dict(), classes=range(len(LABELS)))
    return theirs, ours


def _images() -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in SIZES]


def _batch() -> Batch:
    images, sizes = pad_images(_images())
    boxes = torch.tensor(
        [
            [[10.0, 20, 70, 70], [60, 10, 150, 75], [101, 49, 121, 80]],  # the last is inside the second
            [[30.0, 20, 120, 90], [0, 0, 0, 0], [0, 0, 0, 0]],
        ]
    )
    valid = torch.tensor([[True, True, True], [True, False, False]])
    labels = torch.tensor([[0, 2, 3], [1, 0, 0]])
    targets = InstanceTargets(boxes=boxes, labels=labels, valid=valid, crowd=torch.zeros_like(valid))
    return Batch(images=images, sizes=sizes, original_sizes=sizes, ids=[1, 2], instances=targets)


def _as_theirs(batch: Batch) -> tuple[list[Tensor], list[dict[str, Tensor]]]:
    images = [torch.from_numpy(image).permute(2, 0, 1) / 255 for image in _images()]
    found = batch.instances
    assert found is not None
    targets = [
        {"boxes": found.boxes[i, valid], "labels": found.labels[i, valid]} for i, valid in enumerate(found.valid)
    ]
    return images, targets


@pytest.mark.parametrize("kind", KINDS)
def test_detections_match_torchvision(kind: str) -> None:
    theirs, ours = _pair(kind)
    batch = _batch()
    with torch.inference_mode():
        expected = theirs.eval()(_as_theirs(batch)[0])
    for one, other in zip(ours.infer(batch, precision="fp32")[kind.split()[0]], expected, strict=True):
        assert len(one) == len(other["scores"]) > 20
        assert len(set(one.labels.tolist())) == len(LABELS)
        assert one.scores.max() - one.scores.min() > 0.1
        torch.testing.assert_close(one.scores, other["scores"], atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(one.boxes, other["boxes"], atol=2e-2, rtol=1e-3)
        assert one.labels.tolist() == other["labels"].tolist()


def _train_mode(model: nn.Module) -> nn.Module:
    """Set training mode except for batch norms, whose statistics of 2 × 3 pixels would amplify rounding errors."""
    model.train()
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.eval()
    return model


@pytest.mark.parametrize("kind", KINDS)
def test_losses_and_gradients_match_torchvision(kind: str) -> None:
    theirs, ours = _pair(kind)
    batch = _batch()
    expected = _train_mode(theirs)(*_as_theirs(batch))
    found = _train_mode(ours)(batch)[kind.split()[0]]
    assert [LOSSES[name] for name in found] == list(expected)
    for name, value in found.items():
        assert value > 1e-3
        torch.testing.assert_close(value, expected[LOSSES[name]], rtol=1e-4, atol=1e-6)
    sum(expected.values()).backward()
    sum(found.values()).backward()
    head = ours.heads[kind.split()[0]]
    for mine, original in (
        (ours.trunk.body.net.layer4[1].conv2, theirs.backbone.body.layer4[1].conv2),
        (ours.trunk.neck.lateral["p3"], theirs.backbone.fpn.inner_blocks[0][0]),
        (head.extra_blocks[0], theirs.backbone.fpn.extra_blocks.p6),
        (head.bbox_reg, theirs.head.regression_head.bbox_reg),
    ):
        wrong = (mine.weight.grad - original.weight.grad).norm() / original.weight.grad.norm()
        assert wrong < 1e-4


@pytest.mark.parametrize("kind", KINDS)
def test_losses_of_an_image_without_objects_match_torchvision(kind: str) -> None:
    theirs, ours = _pair(kind)
    batch = _batch()
    assert batch.instances is not None
    batch.instances.valid[0] = False
    expected = _train_mode(theirs)(*_as_theirs(batch))
    for name, value in _train_mode(ours)(batch)[kind.split()[0]].items():
        torch.testing.assert_close(value, expected[LOSSES[name]], rtol=1e-4, atol=1e-6)
