"""With the same weights, masks, keypoints and their losses match torchvision's, and so do boxes of v2 models."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision.models import resnet18
from torchvision.models.detection import KeypointRCNN, MaskRCNN
from torchvision.models.detection.backbone_utils import _resnet_fpn_extractor, resnet_fpn_backbone
from torchvision.models.detection.faster_rcnn import FastRCNNConvFCHead
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads
from torchvision.models.detection.rpn import RPNHead
from torchvision.ops import FrozenBatchNorm2d

import hub
from hub.contract import Batch, InstanceTargets, pad_images
from hub.contract.box_masks import BoxMasks
from hub_detection.weights.torchvision_rcnn import load_rcnn

LABELS = ["one", "two", "three"]
OURS: dict[str, Any] = {
    "anchor_strides": "image",
    "rpn_batch_size_per_image": 10**6,
    "rpn_positive_fraction": 1.0,
    "box_batch_size_per_image": 10**5,
    "box_positive_fraction": 1.0,
    "rpn_pre_nms_topk_train": 60,
    "rpn_pre_nms_topk_test": 60,
    "rpn_post_nms_topk_train": 60,
    "rpn_post_nms_topk_test": 60,
    "detections_per_img": 12,
}
THEIRS: dict[str, Any] = {
    "min_size": 80,
    "max_size": 10**4,
    "rpn_batch_size_per_image": 10**6,
    "rpn_positive_fraction": 1.0,
    "box_batch_size_per_image": 10**5,
    "box_positive_fraction": 1.0,
    "rpn_pre_nms_top_n_train": 60,
    "rpn_pre_nms_top_n_test": 60,
    "rpn_post_nms_top_n_train": 60,
    "rpn_post_nms_top_n_test": 60,
    "box_detections_per_img": 12,
    "num_classes": len(LABELS) + 1,
}
SIZES = [(96, 160), (80, 128)]
V2 = {
    "rpn_num_convs": 2,
    "box_head_num_convs": 4,
    "box_head_num_fcs": 1,
    "box_head_norm": "batch",
    "mask_head_norm": "batch",
}


def _theirs(kind: str) -> Any:
    torch.manual_seed(0)
    if kind == "mask-rcnn v2":
        body = _resnet_fpn_extractor(resnet18(norm_layer=nn.BatchNorm2d), 5, norm_layer=nn.BatchNorm2d)
        model: Any = MaskRCNN(
            body,
            rpn_head=RPNHead(256, 3, conv_depth=2),
            box_head=FastRCNNConvFCHead((256, 7, 7), [256] * 4, [1024], norm_layer=nn.BatchNorm2d),
            mask_head=MaskRCNNHeads(256, [256] * 4, 1, norm_layer=nn.BatchNorm2d),
            **THEIRS,
        )
    else:
        body = resnet_fpn_backbone(backbone_name="resnet18", weights=None, trainable_layers=5)
        model = MaskRCNN(body, **THEIRS) if kind == "mask-rcnn" else KeypointRCNN(body, num_keypoints=4, **THEIRS)
    model.transform.resize = lambda image, target=None: (image, target)
    model.transform.postprocess = lambda found, *sizes: found
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, FrozenBatchNorm2d | nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.8, 1.5)
                module.weight.uniform_(0.5, 0.9)
                module.bias.normal_(0, 0.1)
        model.rpn.head.cls_logits.weight.normal_(0, 0.1)
        model.rpn.head.bbox_pred.weight.normal_(0, 0.02)
        predictor = model.roi_heads.box_predictor
        predictor.cls_score.weight.normal_(0, 0.05)
        predictor.bbox_pred.weight.normal_(0, 0.02)
    return model


def _pair(kind: str) -> tuple[Any, Any]:
    theirs = _theirs(kind)
    task, _, version = kind.partition(" ")
    options = {**OURS, **(V2 if version else {}), **({"num_keypoints": 4} if task == "keypoint-rcnn" else {})}
    neck = {"norm": "batch"} if version else {}
    norm = "batch" if version else "frozen"
    ours = hub.create(f"{task}/resnet18-fpn", labels=LABELS, norm=norm, neck=neck, **options)
    load_rcnn(ours, theirs.state_dict())
    return theirs, ours


def _images() -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in SIZES]


def _batch() -> Batch:
    images, sizes = pad_images(_images())
    boxes = torch.tensor([[[10.0, 20, 70, 70], [60, 10, 120, 75]], [[30.0, 20, 120, 78], [0, 0, 0, 0]]])
    valid = torch.tensor([[True, True], [True, False]])
    masks = torch.zeros(2, 2, 96, 160, dtype=torch.bool)
    masks[:, :, 25:60, 40:90] = True
    masks[0, 1, 30:40, 70:80] = False
    points = torch.rand(2, 2, 4, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([120.0, 80, 3])
    points[..., 2].floor_()
    targets = InstanceTargets(
        boxes,
        torch.tensor([[0, 2], [1, 0]]),
        valid,
        torch.zeros_like(valid),
        BoxMasks.from_planes(masks * valid[..., None, None]),
        points,
    )
    return Batch(images=images, sizes=sizes, original_sizes=sizes, ids=[1, 2], instances=targets)


def _as_theirs(batch: Batch) -> tuple[list[Tensor], list[dict[str, Tensor]]]:
    images = [torch.from_numpy(image).permute(2, 0, 1) / 255 for image in _images()]
    found = batch.instances
    assert found is not None
    assert found.masks is not None
    assert found.keypoints is not None
    planes = found.masks.planes((96, 160))
    targets = [
        {
            "boxes": found.boxes[i, valid],
            "labels": found.labels[i, valid] + 1,
            "masks": planes[i, valid, :height, :width].to(torch.uint8),
            "keypoints": found.keypoints[i, valid],
        }
        for i, (valid, (height, width)) in enumerate(zip(found.valid, SIZES, strict=True))
    ]
    return images, targets


@pytest.mark.parametrize("kind", ["mask-rcnn", "mask-rcnn v2", "keypoint-rcnn"])
def test_predictions_match_torchvision(kind: str) -> None:
    theirs, ours = _pair(kind)
    batch = _batch()
    with torch.inference_mode():
        expected = theirs.eval()(_as_theirs(batch)[0])
        found = ours.eval()(batch)[kind.split()[0]]
    for i, other in enumerate(expected):
        assert found["valid"][i].sum() == len(other["scores"]) > 5
        one = {name: values[i, : len(other["scores"])] for name, values in found.items()}
        torch.testing.assert_close(one["scores"], other["scores"], atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(one["boxes"], other["boxes"], atol=2e-2, rtol=1e-3)
        assert one["labels"].tolist() == (other["labels"] - 1).tolist()
        if "masks" in one:
            assert other["masks"].std() > 0.01
            torch.testing.assert_close(one["masks"], other["masks"][:, 0], atol=2e-3, rtol=1e-3)


def test_keypoint_heatmaps_match_torchvision() -> None:
    theirs, ours = _pair("keypoint-rcnn")
    pooled = torch.rand(3, 256, 14, 14)
    roi_heads, head = theirs.roi_heads, ours.heads["keypoint-rcnn"].keypoint_head
    torch.testing.assert_close(head(pooled), roi_heads.keypoint_predictor(roi_heads.keypoint_head(pooled)))


@pytest.mark.parametrize(("kind", "name"), [("mask-rcnn", "loss_mask"), ("keypoint-rcnn", "loss_keypoint")])
def test_losses_and_gradients_match_torchvision(kind: str, name: str) -> None:
    theirs, ours = _pair(kind)
    batch = _batch()
    expected = theirs.train()(*_as_theirs(batch))
    found = ours.train()(batch)[kind]
    torch.testing.assert_close(found[name], expected[name], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(sum(found.values()), sum(expected.values()), rtol=1e-4, atol=1e-6)
    expected[name].backward()
    found[name].backward()
    mine, original = ours.trunk.neck.output["p2"].weight.grad, theirs.backbone.fpn.layer_blocks[0][0].weight.grad
    # Proposals differ in their last digits, and so do the pooled features.
    assert (mine - original).norm() / original.norm() < 5e-3
