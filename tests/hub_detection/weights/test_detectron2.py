"""Convert detectron2's weights: the published fixture's outputs, settings of the configuration, and errors."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from torch import Tensor

import hub
from hub.errors import CheckpointMismatchError
from hub.model import Model, ModelPlan, build
from hub_detection.weights.conversion import Converted, ModelPieces
from hub_detection.weights.detectron2 import convert

State = dict[str, Tensor]


@pytest.fixture(scope="module")
def weights() -> State:
    """A small Mask R-CNN of the hub under detectron2's keys."""
    torch.manual_seed(0)
    model = hub.create_model(
        "mask-rcnn/resnet18-fpn",
        labels=["a", "b", "c"],
        channels=16,
        box_head_fc_channels=32,
        mask_head_channels=8,
    )
    return _detectron2_state(model)


def _model(converted: Converted, **options: object) -> Model:
    pieces = replace(converted.pieces, options={**converted.pieces.options, **options})
    labels = hub.LabelSpace.of([f"class {i}" for i in range(pieces.num_classes)])
    model = build(ModelPlan.of(pieces.recipe(labels)))
    model.load_state_dict(converted.tensors)
    model.preprocessing = pieces.preprocessing
    return model.eval()


def test_outputs_match_detectron2(shared_data: Callable[[str], Path]) -> None:
    folder = shared_data("../fixtures/detectron2_mask_rcnn_r18_fpn")
    weights = torch.load(folder / "model_fp16.pth", weights_only=True)["model"]
    expected = torch.load(folder / "expected.pt", weights_only=True)
    converted = convert(weights, yaml.safe_load((folder / "config.yaml").read_text()))
    assert not converted.report.assumed
    assert converted.report.renamed.keys() == weights.keys()
    model = _model(converted, score_thresh=0.01)
    model.preprocessing = replace(model.preprocessing, resize=hub.ResizeRule(shortest=None))
    bgr = expected["image_bgr_uint8"].permute(1, 2, 0).numpy()
    batch = model.prepare([bgr[..., ::-1].copy()])
    with torch.inference_mode():
        features = model.features(batch)
        found = model.items()[0][1].predict(features, batch)
    p5 = expected["feature_p5"].float()  # rounded to half precision
    assert ((features["p5"] - p5).abs() <= 2**-11 * p5.abs() + 1e-4).all()
    for level, means in expected["features"].items():
        torch.testing.assert_close(features[level].mean((2, 3)), means, rtol=1e-4, atol=1e-5)
    valid = found["valid"][0]
    assert int(valid.sum()) == len(expected["scores"]) == 58
    assert torch.equal(found["labels"][0, valid], expected["classes"])
    torch.testing.assert_close(found["boxes"][0, valid], expected["boxes_xyxy"], rtol=1e-5, atol=1e-3)
    torch.testing.assert_close(found["scores"][0, valid], expected["scores"], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found["masks"][0, valid], expected["masks_28x28"][:, 0], rtol=1e-4, atol=1e-5)


def test_a_missing_configuration_is_reported_as_assumed(weights: State) -> None:
    converted = convert(weights)
    pieces = converted.pieces
    assert (pieces.name, pieces.num_classes, pieces.norm, pieces.freeze) == ("mask-rcnn/resnet18-fpn", 3, "frozen", 2)
    assert converted.report.assumed["MODEL.ROI_BOX_HEAD.POOLER_SAMPLING_RATIO"] == 0
    assert "assumed: MODEL.RESNETS.NORM = FrozenBN" in str(converted.report)
    assert pieces.preprocessing.bgr
    assert pieces.preprocessing.mean == pytest.approx((123.675 / 255, 116.28 / 255, 103.53 / 255))
    _model(converted)


def test_faster_rcnn_has_no_mask_branch(weights: State) -> None:
    boxes_only = {key: value for key, value in weights.items() if "mask_head" not in key}
    converted = convert(boxes_only)
    assert converted.pieces.name == "faster-rcnn/resnet18-fpn"
    _model(converted)


def test_class_agnostic_boxes_and_masks(weights: State) -> None:
    changed = dict(weights)
    for part in ("weight", "bias"):
        changed[f"roi_heads.box_predictor.bbox_pred.{part}"] = weights[f"roi_heads.box_predictor.bbox_pred.{part}"][:4]
        changed[f"roi_heads.mask_head.predictor.{part}"] = weights[f"roi_heads.mask_head.predictor.{part}"][:1]
    converted = convert(changed)
    assert converted.pieces.options["cls_agnostic_bbox_reg"] is True
    rows = _model(converted).state_dict()["heads.mask-rcnn.mask_head.predictor.weight"]
    assert len(rows) == 3
    assert (rows == rows[:1]).all()


def test_constants_of_older_versions_are_ignored(weights: State) -> None:
    constants = ["pixel_mean", "proposal_generator.anchor_generator.cell_anchors.0"]
    older = {**weights, **dict.fromkeys(constants, torch.zeros(3))}
    assert convert(older).report.ignored == constants


@pytest.mark.parametrize(
    ("section", "value", "message"),
    [
        ("BACKBONE.NAME", "build_vit_backbone", "MODEL.BACKBONE.NAME = 'build_vit_backbone'"),
        ("ROI_HEADS.NAME", "CascadeROIHeads", "MODEL.ROI_HEADS.NAME = 'CascadeROIHeads'"),
        ("ANCHOR_GENERATOR.SIZES", [[32, 64, 128]], "one size per level"),
        ("ROI_MASK_HEAD.POOLER_SAMPLING_RATIO", 2, "pools boxes and masks alike"),
        ("RPN.NMS_THRESH", "high", "MODEL.RPN.NMS_THRESH = 'high', but it must be a number"),
        ("ROI_BOX_HEAD.POOLER_TYPE", "ROIPool", "MODEL.ROI_BOX_HEAD.POOLER_TYPE = 'ROIPool'"),
        ("FPN.NORM", "LN", "MODEL.FPN.NORM = 'LN'"),
    ],
)
def test_unsupported_settings_are_refused_by_name(weights: State, section: str, value: object, message: str) -> None:
    parent, name = section.split(".")
    with pytest.raises(CheckpointMismatchError, match=message):
        convert(weights, {"MODEL": {parent: {name: value}}})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: {**w, "sem_seg_head.predictor.weight": torch.zeros(1)}, "'sem_seg_head.predictor.weight' is not"),
        (lambda w: {k: v for k, v in w.items() if "fpn_output4.weight" not in k}, "trunk.neck.output.p4.weight"),
        (lambda w: {k: v for k, v in w.items() if "res4.1" not in k}, r"\(2, 2, 1, 2\) basic blocks"),
    ],
)
def test_weights_of_another_architecture_are_refused_by_name(
    weights: State, change: Callable[[State], State], message: str
) -> None:
    with pytest.raises(CheckpointMismatchError, match=message):
        convert(change(weights))


def test_labels_must_be_as_many_as_classes() -> None:
    pieces = ModelPieces("mask-rcnn/resnet18-fpn", 3, {}, hub.Preprocessing())
    with pytest.raises(CheckpointMismatchError, match="3 classes, but there are 2 labels"):
        pieces.recipe(hub.LabelSpace.of(["a", "b"]))


@pytest.mark.parametrize("norm", ["BN", "GN"])
def test_a_bottleneck_resnet_with_norms_everywhere_and_the_stride_in_the_1x1(norm: str) -> None:
    """A round trip: the weights of a model of the hub under detectron2's keys fit the model again."""
    ours = {"BN": "batch", "GN": "group"}[norm]
    torch.manual_seed(0)
    model = hub.create_model(
        "mask-rcnn/resnet50-fpn",
        labels=["a", "b"],
        norm=ours,
        neck={"norm": ours},
        channels=32,
        backbone={"stride_in_1x1": True},
        box_head_num_convs=4,
        box_head_num_fcs=1,
        box_head_conv_channels=32,
        box_head_norm=ours,
        mask_head_norm=ours,
    )
    section = {"NORM": norm}
    heads = {"FPN": section, "ROI_BOX_HEAD": section, "ROI_MASK_HEAD": section}
    converted = convert(_detectron2_state(model), {"MODEL": {"RESNETS": section, **heads}})
    assert converted.pieces.backbone == {"stride_in_1x1": True}
    again = _model(converted).state_dict()
    for key, value in model.state_dict().items():
        if "bbox_pred" not in key:  # the unused rows of the background are not kept
            torch.testing.assert_close(again[key], value)


def _detectron2_state(model: Model) -> State:
    """Return a Mask R-CNN's weights under detectron2's keys and in its order."""
    state = {_detectron2_key(key.removeprefix("heads.mask-rcnn.")): value for key, value in model.state_dict().items()}
    for part in ("weight", "bias"):
        scores, deltas = (f"roi_heads.box_predictor.{name}.{part}" for name in ("cls_score", "bbox_pred"))
        state[scores], state[deltas] = state[scores].roll(-1, 0), state[deltas][4:]
    fc = state["roi_heads.box_head.fc1.weight"]
    state["roi_heads.box_head.fc1.weight"] = fc.view(len(fc), 7, 7, -1).permute(0, 3, 1, 2).flatten(1)
    return state


def _detectron2_key(key: str) -> str:
    stage = r"trunk\.body\.net\.layer(\d)\.(\d+)"
    for ours, theirs in [
        (r"trunk\.body\.net\.conv1\.(.*)", r"backbone.bottom_up.stem.conv1.\1"),
        (r"trunk\.body\.net\.bn1\.(.*)", r"backbone.bottom_up.stem.conv1.norm.\1"),
        (rf"{stage}\.conv(\d)\.(.*)", r"backbone.bottom_up.res+\1.\2.conv\3.\4"),
        (rf"{stage}\.bn(\d)\.(.*)", r"backbone.bottom_up.res+\1.\2.conv\3.norm.\4"),
        (rf"{stage}\.downsample\.0\.(.*)", r"backbone.bottom_up.res+\1.\2.shortcut.\3"),
        (rf"{stage}\.downsample\.1\.(.*)", r"backbone.bottom_up.res+\1.\2.shortcut.norm.\3"),
        (r"trunk\.neck\.(\w+)\.p(\d)\.1\.(.*)", r"backbone.fpn_\1\2.norm.\3"),
        (r"trunk\.neck\.(\w+)\.p(\d)(?:\.0)?\.(.*)", r"backbone.fpn_\1\2.\3"),
        (r"rpn\.convs\.0\.(.*)", r"proposal_generator.rpn_head.conv.\1"),
        (r"rpn\.cls_logits\.(.*)", r"proposal_generator.rpn_head.objectness_logits.\1"),
        (r"rpn\.bbox_pred\.(.*)", r"proposal_generator.rpn_head.anchor_deltas.\1"),
        (r"box_head\.fc6\.(.*)", r"roi_heads.box_head.fc1.\1"),
        (r"box_head\.fc7\.(.*)", r"roi_heads.box_head.fc2.\1"),
        (r"box_head\.convs\.(\d)\.0\.(.*)", r"roi_heads.box_head.conv+\1.\2"),
        (r"box_head\.convs\.(\d)\.1\.(.*)", r"roi_heads.box_head.conv+\1.norm.\2"),
        (r"box_head\.(cls_score|bbox_pred)\.(.*)", r"roi_heads.box_predictor.\1.\2"),
        (r"mask_head\.convs\.(\d)\.0\.(.*)", r"roi_heads.mask_head.mask_fcn+\1.\2"),
        (r"mask_head\.convs\.(\d)\.1\.(.*)", r"roi_heads.mask_head.mask_fcn+\1.norm.\2"),
        (r"mask_head\.upsample\.(.*)", r"roi_heads.mask_head.deconv.\1"),
        (r"mask_head\.predictor\.(.*)", r"roi_heads.mask_head.predictor.\1"),
    ]:
        if match := re.fullmatch(ours, key):  # detectron2 counts from 1 what follows a plus sign
            return re.sub(r"\+(\d)", lambda number: str(int(number[1]) + 1), match.expand(theirs))
    raise AssertionError(key)
