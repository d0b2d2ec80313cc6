"""What the heads derived from Faster R-CNN add to it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import hub
from hub.contract import Batch, InstanceTargets, pad_images
from hub.contract.box_masks import BoxMasks
from hub.errors import DataError, OptionError
from hub.testing import check_task
from hub_detection.matcher import Matcher
from hub_detection.two_stage.roi_branch import scatter_slots, valid_slots
from hub_detection.two_stage.roi_sampler import RoISampler

SMALL: dict[str, Any] = {
    "anchor_sizes": (8, 16, 32, 64, 128),
    "rpn_pre_nms_topk_train": 50,
    "rpn_pre_nms_topk_test": 50,
    "rpn_post_nms_topk_train": 50,
    "rpn_post_nms_topk_test": 50,
    "rpn_batch_size_per_image": 32,
    "box_batch_size_per_image": 16,
    "box_head_fc_channels": 32,
    "detections_per_img": 5,
}
HEADS: dict[str, dict[str, Any]] = {
    "mask-rcnn": {"mask_head_channels": 8},
    "keypoint-rcnn": {"keypoint_head_channels": 8},
    "cascade-rcnn": {},
    "cascade-mask-rcnn": {"mask_head_channels": 8},
}
V2: dict[str, Any] = {
    "rpn_num_convs": 2,
    "box_head_num_convs": 1,
    "box_head_num_fcs": 1,
    "box_head_conv_channels": 16,
    "box_head_norm": "group",
    "box_loss": "giou",
}


@pytest.mark.parametrize("task", HEADS)
def test_contract(task: str) -> None:
    check_task(task, **SMALL, **HEADS[task])


def test_contract_of_v2() -> None:
    check_task("mask-rcnn", **SMALL, **V2, mask_head_channels=8, mask_head_num_convs=1, mask_head_norm="group")


def test_contract_with_another_number_of_keypoints() -> None:
    check_task("keypoint-rcnn", **SMALL, keypoint_head_channels=8, keypoints=5, num_keypoints=5)


def test_contract_with_the_options_of_detectron2() -> None:
    options: dict[str, Any] = {
        "sampling_ratio": 0,
        "aligned": True,
        "round_anchors": False,
        "cls_agnostic_bbox_reg": True,
    }
    check_task("mask-rcnn", **SMALL, **options, mask_head_channels=8)


def _model(task: str, **options: Any) -> Any:
    torch.manual_seed(0)
    return hub.create(
        f"{task}/resnet18-fpn", labels=["a", "b"], channels=16, norm="frozen", **{**SMALL, **HEADS[task], **options}
    )


def _batch(objects: int, keypoints: int = 17) -> Batch:
    images, sizes = pad_images([np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)] * 2)
    boxes = torch.tensor([[5.0, 5, 30, 30], [30, 20, 60, 55]])[:objects].repeat(2, 1, 1)
    masks = torch.zeros(2, objects, 64, 64, dtype=torch.bool)
    masks[..., 10:40, 10:50] = True
    valid = torch.ones(2, objects, dtype=torch.bool)
    points = torch.full((2, objects, keypoints, 3), 20.0)
    targets = InstanceTargets(boxes, valid.long(), valid, ~valid, BoxMasks.from_planes(masks), points)
    return Batch(images=images, sizes=sizes, original_sizes=sizes, ids=[0, 1], instances=targets)


def test_valid_slots_and_all_slots_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eager CPU code computes only valid slots, compiled code and devices all: the results must be equal."""
    for task in ("mask-rcnn", "keypoint-rcnn"):
        model, batch = _model(task).train(), _batch(2)
        outputs = []
        for eager in (True, False):
            with monkeypatch.context() as patch:
                patch.setattr("hub_detection.two_stage.roi_branch.eager_on_cpu", lambda tensor, eager=eager: eager)
                torch.manual_seed(0)
                losses = model.train()(batch)[task]
                model.zero_grad()
                sum(losses.values()).backward()
                grad = next(model.heads[task].roi_branches()[0].parameters()).grad.clone()
                with torch.inference_mode():
                    outputs.append((losses, grad, model.eval()(batch)[task]))
        torch.testing.assert_close(outputs[0], outputs[1])


def test_scatter_slots_inverts_valid_slots() -> None:
    valid = torch.tensor([[True, False, True], [False, True, False]])
    slots = valid_slots(valid)
    assert scatter_slots(slots + 1.0, slots, valid.shape).tolist() == [[1, 0, 3], [0, 5, 0]]
    assert valid_slots(torch.zeros(2, 3, dtype=torch.bool)).tolist() == [0]


def test_datasets_with_another_number_of_keypoints_are_refused() -> None:
    head = _model("keypoint-rcnn", num_keypoints=5).heads["keypoint-rcnn"]

    class Data:
        name = "people.json"

        class instances:
            keypoints = np.zeros((1, 17, 3))

    with pytest.raises(DataError, match=r"(?s)people.json have 17 keypoints, but the head has 5.*keypoints: 17"):
        head.check_dataset(Data())


def test_options_of_wrong_length_are_refused() -> None:
    with pytest.raises(OptionError, match="keypoints"):
        _model("keypoint-rcnn", num_keypoints=5, keypoint_sigmas=(0.1, 0.1))
    with pytest.raises(OptionError, match="box_fg_iou_thresh"):  # each stage has its own threshold
        _model("cascade-rcnn", box_fg_iou_thresh=0.6)
    with pytest.raises(OptionError, match="stage_ious"):
        _model("cascade-rcnn", stage_loss_weights=(1.0, 0.5))


def test_cascade_stages_have_increasing_iou_thresholds() -> None:
    model = _model("cascade-rcnn").train()
    losses = model(_batch(2))["cascade-rcnn"]
    assert {f"loss_{kind}_{stage}" for kind in ("classifier", "box") for stage in (1, 2, 3)} < losses.keys()
    targets = _batch(2).instances
    assert targets is not None
    boxes = torch.tensor([[5.0, 5, 30, 21], [30, 20, 60, 54], [0, 60, 4, 64]]).repeat(2, 1, 1)  # IoU 0.64, 0.97, 0
    rois = [
        RoISampler(Matcher(iou, iou), 8, 1.0).rematch(boxes, torch.ones(2, 3, dtype=torch.bool), targets)
        for iou in (0.6, 0.7)
    ]
    assert [r.positive[0].tolist() for r in rois] == [[True, True, False], [False, True, False]]
    assert rois[0].labels[0].tolist() == [2, 2, 0]
    assert rois[0].matched[0, :2].tolist() == [0, 1]


def test_class_rows_include_all_parts() -> None:
    assert {"box_head.cls_score.weight", "mask_head.predictor.bias"} < _model("mask-rcnn").heads[
        "mask-rcnn"
    ].class_rows().keys()
    assert "box_heads.2.cls_score.weight" in _model("cascade-rcnn").heads["cascade-rcnn"].class_rows()
