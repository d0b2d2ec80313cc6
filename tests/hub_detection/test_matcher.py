"""Matching against torchvision's, image by image, and invalid objects."""

from __future__ import annotations

import pytest
import torch
from torchvision.models.detection._utils import Matcher as TheirMatcher
from torchvision.ops import box_iou as their_iou

from hub_detection.boxes import box_iou
from hub_detection.matcher import Matcher, matched_object


def _boxes(n: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    corner = torch.rand(n, 2, generator=generator) * 60
    return torch.cat([corner, corner + 20 + torch.rand(n, 2, generator=generator) * 40], dim=1)


@pytest.mark.parametrize("allow_low_quality_matches", [False, True])
@pytest.mark.parametrize("thresholds", [(0.7, 0.3), (0.5, 0.5)])
def test_labels_and_objects_match_torchvision(allow_low_quality_matches: bool, thresholds: tuple[float, float]) -> None:
    objects, boxes = _boxes(5, 0), _boxes(300, 1)
    # The second image has two of the five objects, the others are padding.
    padded = torch.stack([objects, torch.cat([objects[:2], torch.zeros(3, 4)])])
    valid = torch.tensor([[True] * 5, [True, True, False, False, False]])
    matcher = Matcher(*thresholds, allow_low_quality_matches=allow_low_quality_matches)
    positive, negative = matcher(padded, boxes, valid)
    matched = matched_object(padded, boxes.repeat(2, 1, 1))
    for i, n in enumerate((5, 2)):
        expected = TheirMatcher(*thresholds, allow_low_quality_matches=allow_low_quality_matches)(
            their_iou(objects[:n], boxes)
        )
        assert positive[i].any()
        assert torch.equal(positive[i], expected >= 0)
        assert torch.equal(negative[i], expected == -1)
        assert torch.equal(matched[i, positive[i]], expected[expected >= 0])


def test_without_objects_everything_is_background() -> None:
    match = Matcher(0.7, 0.3, allow_low_quality_matches=True)(
        torch.zeros(1, 2, 4), _boxes(4, 0), torch.zeros(1, 2, dtype=torch.bool)
    )
    assert not match.positive.any()
    assert match.negative.all()


def test_an_object_without_overlap_has_no_positive() -> None:
    match = Matcher(0.7, 0.3, allow_low_quality_matches=True)(
        torch.full((1, 1, 4), 900.0), _boxes(4, 0), torch.ones(1, 1, dtype=torch.bool)
    )
    assert not match.positive.any()


@pytest.mark.parametrize("allow_low_quality_matches", [False, True])
@pytest.mark.parametrize("limit", [1, 1000, 2**20])
def test_parts_of_any_size_give_the_same_as_all_overlaps_at_once(
    monkeypatch: pytest.MonkeyPatch, limit: int, allow_low_quality_matches: bool
) -> None:
    monkeypatch.setattr("hub_detection.matcher._PART_CPU", limit)
    objects = torch.stack([_boxes(7, 0), _boxes(7, 2)]).round()  # whole numbers: equal overlaps occur
    objects[1, 3] = objects[1, 2]
    valid = torch.ones(2, 7, dtype=torch.bool)
    valid[1, 5:], objects[1, 5:] = False, 0
    boxes = torch.cat([_boxes(200, 1).round(), objects[0], _boxes(5, 3) + 500])
    iou = box_iou(objects, boxes)
    overlap = iou.amax(1)
    expected = overlap >= 0.7
    if allow_low_quality_matches:
        best = iou.amax(2, keepdim=True)
        expected |= (iou >= best.masked_fill(best == 0, torch.inf)).any(1)
    matcher = Matcher(0.7, 0.3, allow_low_quality_matches=allow_low_quality_matches)
    match, matched = matcher.with_objects(objects, boxes, valid)
    assert torch.equal(match.positive, expected)
    assert torch.equal(match.negative, (overlap < 0.3) & ~expected)
    assert torch.equal(matched, iou.argmax(1))
    assert all(map(torch.equal, matcher(objects, boxes, valid), match))
