"""Detections of a large image in windows: each object once, uncut, at its position."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import hub
from hub.contract import Batch, WindowLayout, Windows
from hub_detection.results import detections
from hub_detection.windows import DetectionMerger, best_seen

LABELS = hub.LabelSpace.of([f"class {i}" for i in range(8)])


def whole_batch(size: tuple[int, int], *, original: tuple[int, int] | None = None) -> Batch:
    return Batch(
        images=torch.zeros(1, 3, *size, dtype=torch.uint8),
        sizes=torch.tensor([size]),
        original_sizes=torch.tensor([original or size]),
        ids=[7],
    )


def merger(whole: Batch, layout: WindowLayout) -> DetectionMerger:
    return DetectionMerger(lambda raw, batch: detections(raw, batch, LABELS), whole, layout, nms_thresh=0.5)


def perfect_detections(
    objects: Tensor, labels: Tensor, layout: WindowLayout, place: tuple[int, ...]
) -> dict[str, Tensor]:
    """Return the predictions of a perfect detector for one window: the visible part of each object."""
    top, left = place
    height, width = (min(w, s) for w, s in zip(layout.window, layout.size, strict=True))
    inside = (objects - torch.tensor([left, top, left, top])).clamp(min=0)
    inside = inside.minimum(torch.tensor([width, height, width, height]).float())
    seen = (inside[:, 2:] > inside[:, :2]).all(1)
    # The last slot is invalid, and its values must not matter.
    boxes = torch.cat([inside * seen[:, None], torch.full((1, 4), 5.0)])[None]
    scores = torch.cat([torch.linspace(0.9, 0.5, len(objects)), torch.ones(1)])[None]
    valid = torch.cat([seen, torch.zeros(1, dtype=torch.bool)])[None]
    return {"boxes": boxes, "scores": scores, "labels": torch.cat([labels, labels[:1]])[None], "valid": valid}


@st.composite
def scenes(draw: st.DrawFn) -> tuple[WindowLayout, Tensor]:
    """Draw a layout, and objects that fit into its overlap."""
    size = (draw(st.integers(20, 300)), draw(st.integers(20, 300)))
    layout = WindowLayout(size, (draw(st.sampled_from([32, 64])), draw(st.sampled_from([64, 96]))), 0.5)
    objects = []
    for _ in range(draw(st.integers(1, 8))):
        low, high = [], []
        for extent, window in zip(size, layout.window, strict=True):
            most = min(extent, window // 2 - 2 * -(-window // 64))
            length = draw(st.integers(2, most))
            start = draw(st.integers(0, extent - length))
            low.append(start)
            high.append(start + length)
        objects.append([low[1], low[0], high[1], high[0]])
    return layout, torch.tensor(objects, dtype=torch.float32)


@settings(deadline=None)
@given(scenes())
def test_perfect_detections_in_windows_give_every_object_once(scene: tuple[WindowLayout, Tensor]) -> None:
    layout, objects = scene
    labels = torch.arange(len(objects))  # one class each, so that NMS keeps all
    windows = merger(whole_batch((layout.size[0], layout.size[1])), layout)
    for place in layout:
        windows.add(perfect_detections(objects, labels, layout, place), [place])
    found = windows.result()
    assert found.labels.tolist() == labels.tolist(), "an object is missing, twice, or out of order"
    assert torch.equal(found.boxes, objects)


@settings(deadline=None)
@given(scenes(), st.data())
def test_a_box_is_dropped_only_if_another_window_shows_it_uncut(
    scene: tuple[WindowLayout, Tensor], data: st.DataObject
) -> None:
    layout, boxes = scene
    place = data.draw(st.sampled_from(list(layout)))

    def shows_uncut(at: tuple[int, ...], box: list[float]) -> bool:
        for axis in range(2):
            low, high = at[axis], at[axis] + layout.window[axis]
            margin = layout.window[axis] / 64
            if at[axis] > 0 and box[1 - axis] < low + margin:
                return False
            if high < layout.size[axis] and box[3 - axis] > high - margin:
                return False
        return True

    expected = [shows_uncut(place, box) or not any(shows_uncut(at, box) for at in layout) for box in boxes.tolist()]
    assert best_seen(boxes, place, layout).tolist() == expected


def test_an_object_larger_than_the_overlap_keeps_its_cut_boxes() -> None:
    layout = WindowLayout((64, 160), (64, 64), 0.5)
    windows = merger(whole_batch((64, 160)), layout)
    river = torch.tensor([[0.0, 20, 160, 40]])
    for place in layout:
        windows.add(perfect_detections(river, torch.tensor([0]), layout, place), [place])
    found = windows.result()
    assert len(found)
    assert found.boxes[:, 0].min() == 0
    assert found.boxes[:, 2].max() == 160


def test_two_touching_objects_of_one_class_are_both_kept() -> None:
    layout = WindowLayout((64, 96), (64, 64), 0.5)
    pair = torch.tensor([[50.0, 10, 64, 30], [64, 10, 80, 30]])
    windows = merger(whole_batch((64, 96)), layout)
    for place in layout:
        windows.add(perfect_detections(pair, torch.tensor([3, 3]), layout, place), [place])
    assert windows.result().boxes.tolist() == pair.tolist()


def test_no_detections_give_an_empty_result_of_the_files_size() -> None:
    layout = WindowLayout((64, 96), (64, 64), 0.5)
    windows = merger(whole_batch((64, 96), original=(128, 192)), layout)
    for place in layout:
        answer = perfect_detections(torch.tensor([[1.0, 1, 5, 5]]), torch.tensor([0]), layout, place)
        windows.add(answer | {"valid": torch.zeros_like(answer["valid"])}, [place])
    found = windows.result()
    assert (len(found), found.size, found.image_id) == (0, (128, 192), 7)


def test_more_objects_than_detections_per_img_and_a_scaled_image() -> None:
    layout = WindowLayout((320, 320), (64, 64), 0.5)
    corners = torch.cartesian_prod(torch.arange(2.0, 310, 20), torch.arange(2.0, 310, 20))
    objects = torch.cat([corners, corners + 10], dim=1)
    windows = merger(whole_batch((320, 320), original=(640, 960)), layout)
    for place in layout:
        windows.add(perfect_detections(objects, torch.zeros(len(objects), dtype=torch.int64), layout, place), [place])
    found = windows.result()
    assert len(found) == len(objects) == 256
    order = found.boxes[:, 0] * 1000 + found.boxes[:, 1]
    assert torch.equal(found.boxes[order.argsort()], objects * torch.tensor([3.0, 2, 3, 2]))
    assert (found.scores[:-1] >= found.scores[1:]).all()


def test_keypoints_move_with_their_window_and_masks_do_not() -> None:
    layout = WindowLayout((64, 128), (64, 64), 0.0)
    whole = whole_batch((64, 128))
    raw: dict[str, Any] = {}
    windows = DetectionMerger(lambda found, _: [raw.update(found)], whole, layout, nms_thresh=0.5)  # type: ignore[list-item]
    for number, place in enumerate(layout):
        windows.add(
            {
                "boxes": torch.tensor([[[4.0, 4, 20, 20]]]),
                "scores": torch.tensor([[0.9 - number / 10]]),
                "labels": torch.tensor([[number]]),
                "valid": torch.tensor([[True]]),
                "keypoints": torch.tensor([[[[5.0, 6, 0.5]]]]),
                "masks": torch.full((1, 1, 2, 2), float(number)),
            },
            [place],
        )
    windows.result()
    assert raw["boxes"].tolist() == [[[4, 4, 20, 20], [68, 4, 84, 20]]]
    assert raw["keypoints"].tolist() == [[[[5, 6, 0.5]], [[69, 6, 0.5]]]]
    assert raw["masks"][0, :, 0, 0].tolist() == [0, 1]


@pytest.mark.parametrize("task", ["faster-rcnn", "cascade-rcnn", "mask-rcnn", "keypoint-rcnn", "retinanet", "fcos"])
def test_one_window_gives_the_same_detections_as_none(task: str) -> None:
    torch.manual_seed(0)
    own: dict[str, dict[str, Any]] = {
        "mask-rcnn": {"mask_head_channels": 16},
        "keypoint-rcnn": {"num_keypoints": 3, "keypoint_head_channels": 16, "keypoint_head_num_convs": 1},
        "retinanet": {"topk_candidates": 20, "num_convs": 1},
        "fcos": {"topk_candidates": 20, "num_convs": 1, "tower_norm": "none"},
    }
    options = {"score_thresh": 0.0, "detections_per_img": 6, **own.get(task, {})}
    model = hub.create(f"{task}/resnet18-fpn", labels=["a", "b"], channels=16, **options)
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    batch = model.prepare([image], resize=False)
    (whole,) = model.infer(batch, precision="fp32")[task]
    (cut,) = model.infer(batch, precision="fp32", windows=Windows((64, 96)))[task]
    assert isinstance(whole, hub.Detections)
    assert isinstance(cut, hub.Detections)
    assert len(cut) == len(whole) > 0
    for name in ("boxes", "scores", "labels", "masks", "keypoints"):
        mine, its = getattr(cut, name), getattr(whole, name)
        assert (mine is None) == (its is None)
        if mine is not None:
            torch.testing.assert_close(mine, its)
    large = model.predict(image.repeat(2, 0), windows=64, precision="fp32").result
    assert large.size == (128, 96)
    assert large.masks is None or large.masks.shape[1:] == (128, 96)
