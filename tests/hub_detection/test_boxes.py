"""IoU and clipping against torchvision's."""

from __future__ import annotations

import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_detection.boxes import box_iou, clip_boxes, pick, sides_at_least

coordinates = st.lists(st.floats(0, 100, width=32), min_size=4, max_size=4)


def _boxes(rows: list[list[float]]) -> torch.Tensor:
    corners = torch.tensor(rows).view(-1, 2, 2)
    return torch.cat([corners.amin(1), corners.amax(1) + 1], dim=1)


@given(st.lists(coordinates, min_size=1, max_size=6), st.lists(coordinates, min_size=1, max_size=6))
@settings(max_examples=50, deadline=None)
def test_iou_matches_torchvision(rows: list[list[float]], others: list[list[float]]) -> None:
    a, b = _boxes(rows), _boxes(others)
    torch.testing.assert_close(box_iou(a, b), torchvision.ops.box_iou(a, b))


def test_batched_iou_equals_iou_per_image() -> None:
    torch.manual_seed(0)
    a, b = _boxes(torch.rand(12, 4).mul(50).tolist()).view(2, 6, 4), _boxes(torch.rand(5, 4).mul(50).tolist())
    together = box_iou(a, b)
    for i in range(2):
        torch.testing.assert_close(together[i], torchvision.ops.box_iou(a[i], b))


def test_iou_of_empty_boxes_is_zero_not_nan() -> None:
    assert box_iou(torch.zeros(1, 4), torch.zeros(1, 4)).item() == 0


def test_iou_does_not_modify_its_arguments() -> None:
    a, b = torch.tensor([[0.0, 0, 2, 2]]), torch.tensor([[1.0, 1, 3, 3]])
    kept = a.clone(), b.clone()
    box_iou(a, b)
    assert torch.equal(a, kept[0])
    assert torch.equal(b, kept[1])


def test_boxes_are_clipped_to_the_size_of_their_image() -> None:
    boxes = torch.tensor([[-5.0, -5, 500, 500]]).repeat(2, 3, 1)
    clipped = clip_boxes(boxes, torch.tensor([[10, 20], [30, 40]]))
    assert clipped[0].tolist() == [[0, 0, 20, 10]] * 3
    assert clipped[1].tolist() == [[0, 0, 40, 30]] * 3
    nested = clip_boxes(boxes.view(2, 1, 3, 4), torch.tensor([[10, 20], [30, 40]]))
    assert torch.equal(nested.view(2, 3, 4), clipped)


def test_sides_at_least_checks_both_sides() -> None:
    assert sides_at_least(torch.tensor([[0.0, 0, 1, 1], [0, 0, 1, 0.5]]), 1.0).tolist() == [True, False]


def test_pick_takes_rows_of_each_image() -> None:
    values = torch.arange(24.0).view(2, 3, 4)
    index = torch.tensor([[2, 2], [0, 1]])
    assert torch.equal(pick(values, index), torch.stack([values[0, [2, 2]], values[1, [0, 1]]]))
