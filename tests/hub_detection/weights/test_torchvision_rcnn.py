"""Convert torchvision's two-stage weights: keys, classes, and errors. The parity tests compare outputs."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone

import hub
from hub.errors import CheckpointMismatchError
from hub_detection.weights.torchvision_rcnn import convert_rcnn, load_rcnn


@pytest.fixture(scope="module")
def weights() -> dict[str, Any]:
    torch.manual_seed(0)
    backbone = resnet_fpn_backbone(backbone_name="resnet18", weights=None, trainable_layers=5)
    return FasterRCNN(backbone, num_classes=5).state_dict()


def _model(labels: list[str], body: str = "resnet18") -> Any:
    return hub.create(f"faster-rcnn/{body}-fpn", labels=labels, norm="frozen")


def test_older_key_names_are_accepted(weights: dict[str, Any]) -> None:
    old = {
        key.replace("conv.0.0.", "conv.")
        .replace(".0.weight", ".weight", "_blocks" in key)
        .replace(".0.bias", ".bias", "_blocks" in key): value
        for key, value in weights.items()
    }
    assert old.keys() != weights.keys()
    assert convert_rcnn(old).tensors.keys() == convert_rcnn(weights).tensors.keys()


def test_chosen_classes_keep_their_rows(weights: dict[str, Any]) -> None:
    model = _model(["second", "fourth"])
    load_rcnn(model, weights, classes=[2, 4])
    head = model.heads["faster-rcnn"].box_head
    scores = weights["roi_heads.box_predictor.cls_score.weight"]
    boxes = weights["roi_heads.box_predictor.bbox_pred.weight"]
    assert torch.equal(head.cls_score.weight, scores[[0, 2, 4]])
    assert torch.equal(head.bbox_pred.weight[4:8], boxes[8:12])


def test_the_norm_epsilon_moves_into_the_variance(weights: dict[str, Any]) -> None:
    key = "backbone.body.bn1.running_var"
    converted = convert_rcnn(weights, bn_eps=0.0).tensors["trunk.body.net.bn1.running_var"]
    torch.testing.assert_close(converted + 1e-5, weights[key])


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda w: w | {"head.classification_head.conv.0.0.weight": torch.zeros(1)}, "classification_head"),
        (lambda w: {k: v for k, v in w.items() if k != "rpn.head.cls_logits.bias"}, "rpn.cls_logits.bias"),
    ],
)
def test_weights_of_other_families_are_refused(weights: dict[str, Any], change: Any, named: str) -> None:
    with pytest.raises(CheckpointMismatchError, match=named):
        convert_rcnn(change(weights))


def test_weights_of_another_model_are_refused_and_change_nothing(weights: dict[str, Any]) -> None:
    model = _model(["a", "b"])
    before = model.trunk.body.net.conv1.weight.clone()
    with pytest.raises(CheckpointMismatchError, match="as many labels"):
        load_rcnn(model, weights)
    with pytest.raises(CheckpointMismatchError, match=r"trunk\.body"):
        load_rcnn(_model(["a", "b", "c", "d"], "resnet34"), weights)
    assert torch.equal(model.trunk.body.net.conv1.weight, before)
