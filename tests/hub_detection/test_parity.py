"""With the same weights, boxes, scores, labels and losses match torchvision's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
from torchvision.ops import FrozenBatchNorm2d

import hub
from hub.contract import Batch, InstanceTargets, pad_images
from hub_detection.weights.torchvision_rcnn import load_rcnn

LABELS = ["one", "two", "three", "four"]
# Both sample everything, so that the losses are deterministic; few proposals keep the test fast.
ALL = {
    "rpn_batch_size_per_image": 10**6,
    "rpn_positive_fraction": 1.0,
    "box_batch_size_per_image": 10**5,
    "box_positive_fraction": 1.0,
    "rpn_pre_nms_topk_train": 150,
    "rpn_pre_nms_topk_test": 150,
    "rpn_post_nms_topk_train": 200,
    "rpn_post_nms_topk_test": 200,
}
THEIR_ALL: dict[str, Any] = {
    "rpn_batch_size_per_image": 10**6,
    "rpn_positive_fraction": 1.0,
    "box_batch_size_per_image": 10**5,
    "box_positive_fraction": 1.0,
    "rpn_pre_nms_top_n_train": 150,
    "rpn_pre_nms_top_n_test": 150,
    "rpn_post_nms_top_n_train": 200,
    "rpn_post_nms_top_n_test": 200,
}
ALL["anchor_strides"] = "image"  # like torchvision, where p6 is rounded up
SIZES = [(80, 160), (96, 140)]  # padded to 96 × 160: p6 is rounded up along both sides


def _pair(body: str, *, norm_eps: float = 1e-5) -> tuple[FasterRCNN, Any]:
    """Return a torchvision model, with weights that give varied scores and boxes, and ours with the same weights."""
    torch.manual_seed(0)
    backbone = resnet_fpn_backbone(backbone_name=body, weights=None, trainable_layers=5)
    theirs = FasterRCNN(backbone, num_classes=len(LABELS) + 1, min_size=80, max_size=10**4, **THEIR_ALL)
    theirs.transform.resize = lambda image, target=None: (image, target)
    with torch.no_grad():
        for module in theirs.modules():
            if isinstance(module, FrozenBatchNorm2d):
                module.eps = norm_eps
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.8, 1.5)
                module.weight.uniform_(0.5, 0.9)
                module.bias.normal_(0, 0.1)
        for layer, spread in (
            (theirs.rpn.head.cls_logits, 2.0),
            (theirs.rpn.head.bbox_pred, 0.2),
            (theirs.roi_heads.box_predictor.cls_score, 1.5),
            (theirs.roi_heads.box_predictor.bbox_pred, 1.0),
        ):
            _spread(theirs, layer, spread)
    ours = hub.create(f"faster-rcnn/{body}-fpn", labels=LABELS, norm="frozen", **ALL)
    load_rcnn(ours, theirs.state_dict(), bn_eps=norm_eps)
    return theirs, ours


def _spread(model: FasterRCNN, layer: nn.Conv2d | nn.Linear, std: float) -> None:
    """Scale a layer's weights and bias so that each of its outputs has mean 0 and this standard deviation."""
    seen: list[Tensor] = []
    layer.weight.normal_(0, 0.1)
    handle = layer.register_forward_hook(lambda module, inputs, output: seen.append(output))
    model.eval()(_as_theirs(_batch())[0])
    handle.remove()
    outputs = torch.cat([s.transpose(0, 1).flatten(1) for s in seen], dim=1)
    factor = std / outputs.std(1)
    layer.weight.mul_(factor.view(-1, *(1,) * (layer.weight.ndim - 1)))
    layer.bias.copy_(-outputs.mean(1) * factor)


def _images() -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in SIZES]


def _batch() -> Batch:
    images, sizes = pad_images(_images())
    boxes = torch.tensor(
        [
            [[10.0, 20, 70, 70], [60, 10, 150, 75], [100, 50, 120, 80]],
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
        {"boxes": found.boxes[i, valid], "labels": found.labels[i, valid] + 1} for i, valid in enumerate(found.valid)
    ]
    return images, targets


@pytest.mark.parametrize(("body", "norm_eps"), [("resnet18", 1e-5), ("resnet50", 0.0)])
def test_detections_match_torchvision(body: str, norm_eps: float) -> None:
    theirs, ours = _pair(body, norm_eps=norm_eps)
    batch = _batch()
    with torch.inference_mode():
        expected = theirs.eval()(_as_theirs(batch)[0])
    found = ours.infer(batch, precision="fp32")["faster-rcnn"]
    for one, other in zip(found, expected, strict=True):
        assert 20 < len(one) <= 100
        assert len(set(one.labels.tolist())) > 1
        assert one.scores.max() - one.scores.min() > 0.1
        torch.testing.assert_close(one.scores, other["scores"], atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(one.boxes, other["boxes"], atol=2e-2, rtol=1e-3)
        assert one.labels.tolist() == (other["labels"] - 1).tolist()


def test_losses_and_gradients_match_torchvision() -> None:
    theirs, ours = _pair("resnet18")
    batch = _batch()
    expected = theirs.train()(*_as_theirs(batch))
    found = ours.train()(batch)["faster-rcnn"]
    names = {
        "loss_rpn_objectness": "loss_objectness",
        "loss_rpn_box": "loss_rpn_box_reg",
        "loss_classifier": "loss_classifier",
        "loss_box": "loss_box_reg",
    }
    assert found.keys() == names.keys()
    for our_name, their_name in names.items():
        assert expected[their_name] > 1e-4
        torch.testing.assert_close(found[our_name], expected[their_name], rtol=1e-4, atol=1e-6)
    sum(expected.values()).backward()
    sum(found.values()).backward()
    for mine, original in (
        (ours.trunk.body.net.layer4[1].conv2, theirs.backbone.body.layer4[1].conv2),
        (ours.trunk.neck.lateral["p3"], theirs.backbone.fpn.inner_blocks[1][0]),
        (ours.heads["faster-rcnn"].rpn.convs[0], theirs.rpn.head.conv[0][0]),
        (ours.heads["faster-rcnn"].box_head.bbox_pred, theirs.roi_heads.box_predictor.bbox_pred),
    ):
        wrong = (mine.weight.grad - original.weight.grad).norm() / original.weight.grad.norm()
        assert wrong < 1e-4
