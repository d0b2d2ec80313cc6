"""The panoptic head: the contract, the heads that it needs, and how it merges their results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import hub
from hub import registry
from hub.errors import ContractError, LabelMismatchError, OptionError
from hub.testing import check_task
from hub_panoptic.head import Panoptic
from hub_panoptic.results import PanopticMap

RCNN: dict[str, Any] = {
    "rpn_pre_nms_topk_test": 60,
    "rpn_post_nms_topk_test": 20,
    "detections_per_img": 10,
    "score_thresh": 0.0,
    "box_batch_size_per_image": 16,
    "rpn_pre_nms_topk_train": 60,
    "rpn_post_nms_topk_train": 20,
    "mask_head_num_convs": 1,
    "mask_head_channels": 8,
    "box_head_fc_channels": 32,
}
HEADS = {"mask-rcnn": RCNN, "semantic-fpn": {"decoder_channels": 16}}
THINGS, STUFF = ["cat", "dog"], ["sky", "cat", "grass", "things"]


def create(name: str = "mask-rcnn+semantic-fpn+panoptic", **labels: Any) -> hub.Model:
    given = {"mask-rcnn": THINGS, "semantic-fpn": STUFF, "panoptic": ["grass", "dog", "cat", "sky"], **labels}
    wanted = {task: given[task] for task in name.split("+")}
    heads = {task: options for task, options in HEADS.items() if task in name}
    return hub.create(f"{name}/resnet18-fpn", labels=wanted, channels=32, heads=heads)


def test_contract() -> None:
    semantic = np.random.default_rng(0).integers(0, 2, (2, 128, 128)).astype(np.uint8)
    check_task("panoptic", beside=HEADS, targets={"semantic": semantic}, score_thresh=0.1, stuff_area_limit=1)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("panoptic", "predicts masks, but found none"),
        ("mask-rcnn+panoptic", "predicts a semantic map, but found none"),
        ("panoptic+mask-rcnn+semantic-fpn", "predicts masks, but found none"),
        ("semantic-fpn+panoptic", "predicts masks"),
    ],
)
def test_missing_heads_are_refused(name: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        create(name)


def test_two_heads_with_masks_are_refused() -> None:
    names = ["a"]
    with pytest.raises(OptionError, match="but found mask-rcnn and cascade-mask-rcnn"):
        hub.create(
            "mask-rcnn+cascade-mask-rcnn+semantic-fpn+panoptic/resnet18-fpn",
            labels=dict.fromkeys(("mask-rcnn", "cascade-mask-rcnn", "semantic-fpn", "panoptic"), names),
        )


def test_a_label_in_neither_head_is_refused() -> None:
    with pytest.raises(LabelMismatchError, match="neither mask-rcnn nor semantic-fpn has the panoptic label 'sea'"):
        create(panoptic=["cat", "sea"])


def answers(model: hub.Model, masks: torch.Tensor | None) -> dict[str, list[hub.Result]]:
    """Return a dog in front of a cat on the left, and sky, void and grass on the right."""
    labels = model.labels
    things = hub.Detections(
        image_id=4,
        size=(2, 6),
        boxes=torch.zeros(2, 4),
        scores=torch.tensor([0.6, 0.9]),
        labels=torch.tensor([labels["mask-rcnn"].index("cat"), labels["mask-rcnn"].index("dog")]),
        label_space=labels["mask-rcnn"],
        masks=masks,
    )
    classes = [[0, 0, 0, 1, 3, 2], [0, 0, 0, 0, 3, 2]]
    stuff = hub.SemanticMap(
        image_id=4, size=(2, 6), classes=torch.tensor(classes, dtype=torch.uint8), label_space=labels["semantic-fpn"]
    )
    return {"mask-rcnn": [things], "semantic-fpn": [stuff]}


def joined(model: hub.Model, **options: Any) -> PanopticMap:
    masks = torch.zeros(2, 2, 6, dtype=torch.bool)
    masks[0, 0, :2] = True
    masks[1, :, 0] = True
    head = dict(model.items())["panoptic"]
    head.options = Panoptic.Options(stuff_area_limit=1, **options)
    batch = model.prepare([np.zeros((2, 6, 3), np.uint8)], first=4)
    (result,) = head.join(head.results({}, batch), answers(model, masks), dict(model.items()))
    assert isinstance(result, PanopticMap)
    return result


def test_things_cover_stuff_and_the_rest_is_void() -> None:
    result = joined(create())
    assert (result.image_id, result.size) == (4, (2, 6))
    assert result.segments.tolist() == [[1, 2, 4, 0, 0, 3], [1, 4, 4, 4, 0, 3]]
    found = [(s["id"], s["label"], s["isthing"], s["area"], s["bbox"]) for s in result.to_records()[0]["segments_info"]]
    assert found == [
        (1, "dog", True, 2, [0, 0, 1, 2]),
        (2, "cat", True, 1, [1, 0, 1, 1]),
        (3, "grass", False, 2, [5, 0, 1, 2]),
        (4, "sky", False, 4, [1, 0, 3, 2]),
    ]
    assert [s["score"] for s in result.to_records()[0]["segments_info"]] == [0.9, 0.6, None, None]


def test_classes_outside_the_panoptic_labels_become_void() -> None:
    result = joined(create(panoptic=["dog", "sky"]), overlap_thresh=0.0)
    assert [s["label"] for s in result.to_records()[0]["segments_info"]] == ["dog", "sky"]


def test_heads_with_missing_results_are_refused() -> None:
    model = create()
    head = dict(model.items())["panoptic"]
    batch = model.prepare([np.zeros((2, 6, 3), np.uint8)])
    with pytest.raises(ContractError, match="mask-rcnn returned no masks"):
        head.join(head.results({}, batch), answers(model, None), dict(model.items()))


def test_panoptic_adds_no_parameters_and_does_not_change_other_heads() -> None:
    torch.manual_seed(0)
    alone = create("mask-rcnn+semantic-fpn")
    torch.manual_seed(0)
    model = create()
    assert model.state_dict().keys() == alone.state_dict().keys()
    image = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    mine, theirs = model.predict(image), alone.predict(image)
    assert torch.equal(mine["mask-rcnn"].boxes, theirs["mask-rcnn"].boxes)
    assert torch.equal(mine["semantic-fpn"].classes, theirs["semantic-fpn"].classes)
    assert isinstance(mine["panoptic"], PanopticMap)
    alone.add_head("panoptic", labels=["cat", "sky"], stuff_area_limit=1)
    assert isinstance(alone.predict(image)["panoptic"], PanopticMap)


def test_the_map_is_written_next_to_the_drawing(tmp_path: Path) -> None:
    from PIL import Image

    from hub.engine.predict import predict_files

    Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(tmp_path / "street.png")
    model = create()
    dict(model.items())["panoptic"].options = Panoptic.Options(stuff_area_limit=1)
    predict_files(model, [tmp_path / "street.png"], out=tmp_path / "out")
    written = np.array(Image.open(tmp_path / "out/panoptic/street.panoptic.png"))
    assert written.shape == (40, 60, 3)
    (record,) = json.loads((tmp_path / "out/panoptic/results.json").read_text())
    assert record["file_name"] == "street.png"
    ids = written.astype(int) @ [1, 256, 256**2]
    assert {s["id"]: s["area"] for s in record["segments_info"]} == {
        int(id_): int((ids == id_).sum()) for id_ in np.unique(ids[ids > 0])
    }


class Forgetful(Panoptic):
    def join(self, results: Any, others: Any, heads: Any) -> Any:
        return super().join(results, others, heads)[:1]


def test_the_kit_checks_joined_results() -> None:
    hub.register(hub.TaskSpec(name="forgetful", kind="test", summary="a try", target=f"{__name__}:Forgetful"))
    try:
        targets = {"semantic": np.zeros((2, 128, 128), np.uint8)}
        with pytest.raises(AssertionError, match="results: 1 for 2 images"):
            check_task("forgetful", beside=HEADS, targets=targets)
    finally:
        registry.unregister("forgetful")


def test_windowed_results_are_joined() -> None:
    torch.manual_seed(0)
    model = create().eval()
    image = np.random.default_rng(0).integers(0, 256, (128, 192, 3), dtype=np.uint8)
    found = model.predict(image, windows=(64, 64))
    panoptic, head = found["panoptic"], dict(model.items())["panoptic"]
    others = {name: [found[name]] for name in HEADS}
    again = head.join([panoptic], others, dict(model.items()))[0]
    assert panoptic.segments.shape == (128, 192)
    assert torch.equal(panoptic.segments, again.segments)
    assert set(panoptic.segments.unique().tolist()) - {0} == {segment.id for segment in panoptic.segments_info}
