"""Boxes as distances to their sides, and center-ness."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from hub_detection.one_stage.box_linear_coder import BoxLinearCoder, centerness

SIDE = st.floats(0, 1000, width=32)


@given(st.tuples(SIDE, SIDE, SIDE, SIDE), st.sampled_from([4.0, 8.0, 128.0]))
def test_decoding_inverts_encoding(box: tuple[float, ...], stride: float) -> None:
    coder, boxes = BoxLinearCoder(), torch.tensor([box])
    anchor = torch.tensor([[-stride / 2, -stride / 2, stride / 2, stride / 2]]) + 40
    torch.testing.assert_close(coder.decode(coder.encode(boxes, anchor), anchor), boxes, atol=1e-3, rtol=1e-4)


def test_distances_of_any_dtype_give_float32_pixels() -> None:
    anchors = torch.tensor([[0.0, 0, 8, 8], [0, 0, 16, 16]])
    boxes = BoxLinearCoder().decode(torch.ones(3, 2, 4, dtype=torch.bfloat16), anchors)
    assert boxes.dtype == torch.float32
    assert boxes[2].tolist() == [[-4, -4, 12, 12], [-8, -8, 24, 24]]


@given(st.tuples(SIDE, SIDE, SIDE, SIDE))
def test_centerness_is_a_fraction_and_symmetric(sides: tuple[float, ...]) -> None:
    distances = torch.tensor(sides)
    value = centerness(distances)
    assert 0 <= value <= 1
    torch.testing.assert_close(centerness(distances[[2, 3, 0, 1]]), value)


def test_centerness_is_zero_outside_and_never_nan() -> None:
    distances = torch.tensor([[-1.0, 5, 9, 5], [0, 0, 0, 0], [-3, -3, -3, -3], [0, 5, 9, 5]])
    assert centerness(distances).tolist() == [0, 0, 0, 0]
