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
    iou = box_iou(padded, boxes)
    positive, negative = Matcher(*thresholds, allow_low_quality_matches=allow_low_quality_matches)(iou, valid)
    every = torch.arange(300).repeat(2, 1)
    matched = matched_object(iou, every)
    for i, n in enumerate((5, 2)):
        expected = TheirMatcher(*thresholds, allow_low_quality_matches=allow_low_quality_matches)(
            their_iou(objects[:n], boxes)
        )
        assert positive[i].any()
        assert torch.equal(positive[i], expected >= 0)
        assert torch.equal(negative[i], expected == -1)
        assert torch.equal(matched[i, positive[i]], expected[expected >= 0])


def test_without_objects_everything_is_background() -> None:
    match = Matcher(0.7, 0.3, allow_low_quality_matches=True)(torch.zeros(1, 2, 4), torch.zeros(1, 2, dtype=torch.bool))
    assert not match.positive.any()
    assert match.negative.all()


def test_an_object_without_overlap_has_no_positive() -> None:
    match = Matcher(0.7, 0.3, allow_low_quality_matches=True)(torch.zeros(1, 1, 4), torch.ones(1, 1, dtype=torch.bool))
    assert not match.positive.any()
