"""Convert torchvision's one-stage weights: keys, classes, and errors. The parity tests compare outputs."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torchvision.models import resnet18
from torchvision.models.detection import FCOS, RetinaNet, retinanet_resnet50_fpn_v2
from torchvision.models.detection.backbone_utils import _resnet_fpn_extractor
from torchvision.ops.feature_pyramid_network import LastLevelP6P7

import hub
from hub.errors import CheckpointMismatchError
from hub_detection.weights.torchvision_one_stage import convert_one_stage, load_one_stage
from hub_detection.weights.torchvision_rcnn import convert_rcnn


def _weights(kind: Any) -> dict[str, Tensor]:
    torch.manual_seed(0)
    backbone = _resnet_fpn_extractor(resnet18(), 5, returned_layers=[2, 3, 4], extra_blocks=LastLevelP6P7(256, 256))
    return kind(backbone, num_classes=5).state_dict()


@pytest.fixture(scope="module")
def retinanet() -> dict[str, Tensor]:
    return _weights(RetinaNet)


@pytest.fixture(scope="module")
def fcos() -> dict[str, Tensor]:
    return _weights(FCOS)


def _model(task: str, labels: list[str], body: str = "resnet18") -> Any:
    return hub.create(f"{task}/{body}-fpn", labels=labels, norm="frozen")


def test_v2_weights_fit_with_options_and_coco_ids() -> None:
    weights = retinanet_resnet50_fpn_v2(weights=None, weights_backbone=None).state_dict()
    labels = hub.LabelSpace(("person", "bicycle", "toothbrush"), ids=(1, 2, 90))
    options: dict[str, Any] = {"extra_from": "c5", "tower_norm": "group", "box_loss": "giou"}
    model = hub.create("retinanet/resnet50-fpn", labels=labels, **options)
    load_one_stage(model, weights, classes=labels.ids)
    rows = weights["head.classification_head.cls_logits.weight"].view(9, 91, 256, 3, 3)
    ours = model.heads["retinanet"].cls_logits.weight.view(3, 9, 256, 3, 3)
    assert torch.equal(ours, rows[:, [1, 2, 90]].transpose(0, 1))


def test_older_key_names_are_accepted(retinanet: dict[str, Tensor], fcos: dict[str, Tensor]) -> None:
    def older(key: str) -> str:
        if "_blocks." in key and "extra" not in key:
            return key.replace(".0.weight", ".weight").replace(".0.bias", ".bias")
        for i in range(4):
            key = key.replace(f"_head.conv.{i}.0.", f"_head.conv.{2 * i}.") if key.count(f"conv.{i}.0.") else key
        return key

    for weights in (retinanet, fcos):
        old = {older(key): value for key, value in weights.items()}
        assert old.keys() != weights.keys()
        found, expected = convert_one_stage(old).tensors, convert_one_stage(weights).tensors
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[key], expected[key]) for key in found)


@pytest.mark.parametrize("task", ["retinanet", "fcos"])
def test_the_unused_class_is_dropped_and_chosen_ones_are_kept(task: str, request: pytest.FixtureRequest) -> None:
    weights = request.getfixturevalue(task)
    model = _model(task, ["a", "b", "c", "d"])
    load_one_stage(model, weights)
    bias = weights["head.classification_head.cls_logits.bias"].clone()
    num_anchors = len(bias) // 5
    assert len(model.heads[task].cls_logits.bias) == 4 * num_anchors
    bias.copy_(torch.arange(len(bias)))
    found = convert_one_stage({**weights, "head.classification_head.cls_logits.bias": bias}, classes=[4, 2]).tensors
    assert found[f"heads.{task}.cls_logits.bias"].tolist() == [5 * a + k for k in (4, 2) for a in range(num_anchors)]


def test_the_norm_epsilon_moves_into_the_variance(retinanet: dict[str, Tensor]) -> None:
    converted = convert_one_stage(retinanet, bn_eps=0.0).tensors["trunk.body.net.bn1.running_var"]
    torch.testing.assert_close(converted + 1e-5, retinanet["backbone.body.bn1.running_var"])


@pytest.mark.parametrize(
    ("change", "classes", "named"),
    [
        (lambda w: w | {"rpn.head.cls_logits.weight": torch.zeros(1)}, None, "rpn.head.*RetinaNet or FCOS"),
        (lambda w: {k: v for k, v in w.items() if "extra_blocks.p7" not in k}, None, "extra_blocks.1"),
        (lambda w: w, [1, 5], "classes 0 to 4, but not 5"),
    ],
)
def test_mismatching_weights_are_refused_by_name(
    retinanet: dict[str, Tensor], change: Any, classes: Any, named: str
) -> None:
    with pytest.raises(CheckpointMismatchError, match=named):
        convert_one_stage(change(retinanet), classes=classes)


def test_weights_of_other_families_are_recognized(retinanet: dict[str, Tensor], fcos: dict[str, Tensor]) -> None:
    with pytest.raises(CheckpointMismatchError, match=r"Faster, Mask or Keypoint"):
        convert_rcnn(retinanet)
    with pytest.raises(CheckpointMismatchError, match="the model has"):
        load_one_stage(_model("fcos", ["a", "b", "c", "d"]), retinanet)
    assert any(key.startswith("heads.fcos.centerness") for key in convert_one_stage(fcos).tensors)


def test_weights_of_another_model_are_refused_and_change_nothing(retinanet: dict[str, Tensor]) -> None:
    model = _model("retinanet", ["a", "b"])
    before = model.trunk.body.net.conv1.weight.clone()
    with pytest.raises(CheckpointMismatchError, match="as many labels"):
        load_one_stage(model, retinanet)
    assert torch.equal(model.trunk.body.net.conv1.weight, before)
