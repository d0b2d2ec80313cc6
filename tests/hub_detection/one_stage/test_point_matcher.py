"""Point matching against the rules, applied to one point and one object at a time."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from hub_detection.one_stage.point_matcher import PointMatcher

STRIDES = (2, 4, 8)


def _points() -> list[Tensor]:
    return [torch.cartesian_prod(torch.arange(0, 64, s), torch.arange(0, 64, s)).flip(1).float() for s in STRIDES]


def _reference(points: list[Tensor], boxes: Tensor, valid: Tensor, radius: float) -> list[list[int | None]]:
    answers: list[list[int | None]] = []
    for own, there in zip(boxes.tolist(), valid.tolist(), strict=True):
        row: list[int | None] = []
        for level, stride in enumerate(STRIDES):
            for x, y in points[level].tolist():
                fits = []
                for number, (x1, y1, x2, y2) in enumerate(own):
                    distances = (x - x1, y - y1, x2 - x, y2 - y)
                    least = 4 * stride if level else 0
                    most = 8 * stride if level < len(STRIDES) - 1 else float("inf")
                    off = max(abs(x - (x1 + x2) / 2), abs(y - (y1 + y2) / 2))
                    if there[number] and min(distances) > 0 and least < max(distances) < most and off < radius * stride:
                        fits.append(((x2 - x1) * (y2 - y1), number))
                row.append(min(fits)[1] if fits else None)
        answers.append(row)
    return answers


@pytest.mark.parametrize("limit", [1, 5000, 2**20])
@pytest.mark.parametrize("radius", [0.9, 1.5, 100.0])
def test_points_match_the_smallest_object_that_fits(monkeypatch: pytest.MonkeyPatch, radius: float, limit: int) -> None:
    monkeypatch.setattr("hub_detection.matcher._PART_CPU", limit)  # values of one part of the objects
    generator = torch.Generator().manual_seed(0)
    corners = (torch.rand(2, 12, 2, 2, generator=generator) * 64).sort(dim=2).values
    boxes = corners.flatten(2)
    boxes[0, :4] = boxes[0, :4].round()  # with sides on points
    valid = torch.rand(2, 12, generator=generator) < 0.8
    points = _points()
    positive, matched = PointMatcher(STRIDES, radius)(points, boxes, valid)
    found = [
        [m if p else None for p, m in zip(*rows, strict=True)]
        for rows in zip(positive.tolist(), matched.tolist(), strict=True)
    ]
    assert found == _reference(points, boxes, valid, radius)
    levels = positive.split([len(p) for p in points], dim=1)
    assert all(level.any() for level in levels)


def test_an_image_without_objects_has_no_positive_point() -> None:
    positive, matched = PointMatcher(STRIDES)(_points(), torch.zeros(1, 1, 4), torch.zeros(1, 1, dtype=torch.bool))
    assert not positive.any()
    assert (matched == 0).all()


def test_a_single_level_matches_objects_of_all_sizes() -> None:
    points = [torch.tensor([[32.0, 32.0]])]
    boxes = torch.tensor([[[31.0, 31, 33, 33]], [[0.0, 0, 64, 64]], [[-500.0, -500, 564, 564]]])
    positive, _ = PointMatcher((8,))(points, boxes, torch.ones(3, 1, dtype=torch.bool))
    assert positive.all()
