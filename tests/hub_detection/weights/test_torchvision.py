"""Every ResNet-FPN detector of torchvision, from its file: the same boxes, scores, masks and heatmaps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision.models import detection

import hub
from hub.contract import Batch, pad_images
from hub.model import Model, ModelPlan, build
from hub_detection.weights.torchvision import convert

SIZES = [(96, 160), (80, 140)]  # padded to 96 × 160: coarse levels are rounded up
CLASSES = 4  # without background
RCNN = {
    "rpn_pre_nms_top_n_test": 60,
    "rpn_post_nms_top_n_test": 60,
    "box_detections_per_img": 12,
    "rpn_score_thresh": 0.0,
    "box_score_thresh": 0.05,
}
OUR_RCNN = {"rpn_pre_nms_topk_test": 60, "rpn_post_nms_topk_test": 60, "detections_per_img": 12}
ONE_STAGE = {"topk_candidates": 60, "detections_per_img": 40}
# Standard deviation and mean of the outputs of the predictors, so that scores differ and boxes move.
RCNN_SPREAD = {
    "rpn.head.cls_logits": (2.0, 0.0),
    "rpn.head.bbox_pred": (0.2, 0.0),
    "roi_heads.box_predictor.cls_score": (1.5, 0.0),
    "roi_heads.box_predictor.bbox_pred": (1.0, 0.0),
}
MASK_SPREAD = {**RCNN_SPREAD, "roi_heads.mask_predictor.mask_fcn_logits": (2.0, 0.0)}
RETINANET_SPREAD = {"head.classification_head.cls_logits": (1.0, -2.0), "head.regression_head.bbox_reg": (0.3, 0.0)}
FCOS_SPREAD = {
    "head.classification_head.cls_logits": (1.0, -2.0),
    "head.regression_head.bbox_reg": (1.0, 2.0),
    "head.regression_head.bbox_ctrness": (1.0, 0.0),
}
DETECTORS = {
    "fasterrcnn_resnet50_fpn": ("faster-rcnn", RCNN_SPREAD),
    "fasterrcnn_resnet50_fpn_v2": ("faster-rcnn", RCNN_SPREAD),
    "maskrcnn_resnet50_fpn": ("mask-rcnn", MASK_SPREAD),
    "maskrcnn_resnet50_fpn_v2": ("mask-rcnn", MASK_SPREAD),
    "keypointrcnn_resnet50_fpn": ("keypoint-rcnn", RCNN_SPREAD),
    "retinanet_resnet50_fpn": ("retinanet", RETINANET_SPREAD),
    "retinanet_resnet50_fpn_v2": ("retinanet", RETINANET_SPREAD),
    "fcos_resnet50_fpn": ("fcos", FCOS_SPREAD),
}


def _detector(name: str, spread: Mapping[str, tuple[float, float]]) -> Any:
    torch.manual_seed(0)
    limits = RCNN if "rcnn" in name else ONE_STAGE
    num_classes = CLASSES + 1 if "rcnn" in name else CLASSES
    model: Any = getattr(detection, name)(weights=None, weights_backbone=None, num_classes=num_classes, **limits)
    model.transform.resize = lambda image, target=None: (image, target)  # the images keep their size
    with torch.no_grad():
        for layer in model.backbone.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.running_mean.normal_(0, 0.1)  # type: ignore[union-attr]
                layer.running_var.uniform_(0.8, 1.5)  # type: ignore[union-attr]
                layer.weight.uniform_(0.3, 0.5)
                layer.bias.normal_(0, 0.1)
        if "rcnn" not in name:
            for tower in (model.head.classification_head.conv, model.head.regression_head.conv):
                for layer in tower.modules():
                    if isinstance(layer, nn.Conv2d):
                        nn.init.kaiming_normal_(layer.weight)
        for path, (std, mean) in spread.items():
            _spread(model.eval(), model.get_submodule(path), std, mean)
    return model.eval()


def _spread(model: Any, layer: nn.Conv2d | nn.Linear, std: float, mean: float) -> None:
    """Scale a layer so that each of its outputs has this standard deviation and mean."""
    outputs: list[Tensor] = []
    layer.weight.normal_(0, 0.1)
    handle = layer.register_forward_hook(lambda _, __, output: outputs.append(output))
    model(_tensors())
    handle.remove()
    values = torch.cat([output.transpose(0, 1).flatten(1) for output in outputs], dim=1)
    factor = std / values.std(1).clamp(min=1e-6)
    assert layer.bias is not None
    layer.weight.mul_(factor.view(-1, *(1,) * (layer.weight.ndim - 1)))
    layer.bias.copy_((layer.bias - values.mean(1)) * factor + mean)


def _images() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in SIZES]


def _tensors() -> list[Tensor]:
    return [torch.from_numpy(image).permute(2, 0, 1) / 255 for image in _images()]


def _ours(path: Path, options: Mapping[str, object], classes: Iterable[int] | None) -> Model:
    pieces, tensors, report = convert(torch.load(path, weights_only=True), classes=classes)
    assert not report.ignored
    recipe = pieces.recipe(hub.LabelSpace.of([f"class {i}" for i in range(1, CLASSES + 1)]))
    recipe.heads[pieces.task].update(options)  # type: ignore[attr-defined]
    model = build(ModelPlan.of(recipe))
    model.load_state_dict(tensors)
    model.preprocessing = pieces.preprocessing
    return model.eval()


def _error(found: Tensor, expected: Tensor) -> float:
    return ((found - expected).abs().max() / expected.abs().max()).item()


@pytest.mark.parametrize("name", DETECTORS)
def test_outputs_match_torchvision(name: str, tmp_path: Path) -> None:
    task, spread = DETECTORS[name]
    theirs = _detector(name, spread)
    torch.save(theirs.state_dict(), tmp_path / "model.pth")
    if "rcnn" in name:
        ours = _ours(tmp_path / "model.pth", OUR_RCNN, None)
    else:  # these have an output for class 0, which published weights do not use
        ours = _ours(tmp_path / "model.pth", ONE_STAGE, range(CLASSES))
    images, sizes = pad_images(_images())
    batch = Batch(images=images, sizes=sizes, original_sizes=sizes)
    heatmaps: list[Tensor] = []
    if task == "keypoint-rcnn":
        theirs.roi_heads.keypoint_predictor.register_forward_hook(lambda _, __, output: heatmaps.append(output))
    with torch.inference_mode():
        expected = theirs(_tensors())
        features = ours.features(batch)
        head: Any = dict(ours.items())[task]
        found = head.predict(features, batch)
    assert len(set(torch.cat([detections["labels"] for detections in expected]).tolist())) > 1
    for i, detections in enumerate(expected):
        valid = found["valid"][i]
        assert len(detections["scores"]) == valid.sum() >= 10
        labels = detections["labels"] - (1 if "rcnn" in name else 0)
        # Detections of nearly the same score may change places: each is compared with ours in the nearest box.
        distances = (detections["boxes"][:, None] - found["boxes"][i, valid]).abs().amax(-1)
        nearest = distances.masked_fill(labels[:, None] != found["labels"][i, valid], torch.inf).argmin(1)
        assert len(nearest.unique()) == len(nearest)
        assert _error(found["boxes"][i, valid][nearest], detections["boxes"]) < 1e-4
        assert _error(found["scores"][i, valid][nearest], detections["scores"]) < 1e-4
        torch.testing.assert_close(found["scores"][i, valid], detections["scores"], atol=1e-4, rtol=1e-4)
    slots = found["valid"].flatten().nonzero()[:, 0]
    if task == "mask-rcnn":
        expected_masks = _masks_of(theirs, found)
        assert _error(found["masks"].flatten(0, 1)[slots], expected_masks) < 1e-4
    if task == "keypoint-rcnn":
        branch, levels = head.keypoint_head, [features[level] for level in ("p2", "p3", "p4", "p5")]
        with torch.inference_mode():
            assert _error(branch(branch.pool_slots(levels, found["boxes"], slots)), heatmaps[0]) < 1e-4


def _masks_of(theirs: Any, found: Mapping[str, Tensor]) -> Tensor:
    """Return torchvision's masks, before they are pasted, in these boxes."""
    boxes = [boxes[valid] for boxes, valid in zip(found["boxes"], found["valid"], strict=True)]
    labels = torch.cat([labels[valid] for labels, valid in zip(found["labels"], found["valid"], strict=True)])
    with torch.inference_mode():
        images, _ = theirs.transform(_tensors())
        features = theirs.backbone(images.tensors)
        pooled = theirs.roi_heads.mask_roi_pool(features, boxes, images.image_sizes)
        logits = theirs.roi_heads.mask_predictor(theirs.roi_heads.mask_head(pooled))
    return logits[torch.arange(len(labels)), labels + 1].sigmoid()
