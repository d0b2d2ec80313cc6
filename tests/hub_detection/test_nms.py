"""The NMS operator against torchvision's, image by image, and as a custom operator."""

from __future__ import annotations

import pytest
import torch
import torchvision

from hub_detection.nms import nms


def _inputs(batch: int = 3, count: int = 200) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    corner = torch.rand(batch, count, 2, generator=generator) * 100
    boxes = torch.cat([corner, corner + 5 + torch.rand(batch, count, 2, generator=generator) * 60], dim=2)
    scores = torch.rand(batch, count, generator=generator)
    groups = torch.randint(0, 4, (count,), generator=generator)
    valid = torch.rand(batch, count, generator=generator) < 0.8
    valid[-1] = False  # an image without boxes
    return boxes, scores, groups, valid


@pytest.mark.parametrize("most", [10, 300])
def test_each_image_matches_torchvision_batched_nms(most: int) -> None:
    boxes, scores, groups, valid = _inputs()
    index, kept = nms(boxes, scores, groups, valid, 0.5, most)
    assert index.shape == kept.shape == (3, most)
    for i in range(3):
        there = valid[i].nonzero().squeeze(1)
        expected = there[torchvision.ops.batched_nms(boxes[i, there], scores[i, there], groups[there], 0.5)]
        assert torch.equal(index[i, kept[i]], expected[:most])
        assert not index[i, ~kept[i]].any()


def test_low_precision_boxes_are_compared_in_float32() -> None:
    boxes, scores, groups, valid = _inputs()
    rounded = boxes.bfloat16()
    index, _ = nms(rounded, scores, groups, valid, 0.5, 50)
    expected, _ = nms(rounded.float(), scores, groups, valid, 0.5, 50)
    assert torch.equal(index, expected)


def test_nms_passes_opcheck() -> None:
    boxes, scores, groups, valid = _inputs()
    torch.library.opcheck(nms, (boxes, scores, groups, valid, 0.5, 50), test_utils=("test_schema", "test_faketensor"))


def test_the_number_of_threads_does_not_change_the_result() -> None:
    inputs, threads, found = _inputs(), torch.get_num_threads(), []
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            with torch.inference_mode():
                found.append(nms(*inputs, 0.5, 100)[0])
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(*found)
