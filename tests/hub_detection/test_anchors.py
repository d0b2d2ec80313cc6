"""Anchors against torchvision's generator."""

from __future__ import annotations

import pytest
import torch
from torchvision.models.detection.anchor_utils import AnchorGenerator as TheirGenerator
from torchvision.models.detection.image_list import ImageList

from hub_detection.anchors import AnchorGenerator

STRIDES = (4, 8, 16, 32, 64)


@pytest.mark.parametrize("sizes", [[(32,), (64,), (128,), (256,), (512,)], [(s, s * 1.26) for s in STRIDES]])
@pytest.mark.parametrize("image", [(128, 192), (416, 544)])
def test_anchors_match_torchvision(sizes: list[tuple[float, ...]], image: tuple[int, int]) -> None:
    ratios = (0.5, 1.0, 2.0)
    maps = [(-(-image[0] // s), -(-image[1] // s)) for s in STRIDES]
    ours = AnchorGenerator(sizes, ratios, STRIDES)
    theirs = TheirGenerator(tuple(sizes), (ratios,) * 5)
    found = ours(maps, image)
    batch = ImageList(torch.zeros(1, 3, *image), [image])
    expected = theirs(batch, [torch.zeros(1, 1, *m) for m in maps])[0]
    torch.testing.assert_close(torch.cat(found), expected)
    assert [len(a) for a in found] == [
        h * w * n for (h, w), n in zip(maps, theirs.num_anchors_per_location(), strict=True)
    ]


def test_level_anchor_strides_keep_the_strides_of_rounded_up_maps() -> None:
    kwargs = {"sizes": [(64,)], "aspect_ratios": (1.0,), "strides": (64,)}
    by_level = AnchorGenerator(**kwargs, anchor_strides="level")([(2, 2)], (96, 96))[0]
    by_image = AnchorGenerator(**kwargs, anchor_strides="image")([(2, 2)], (96, 96))[0]
    assert (by_level[3] - by_level[0]).tolist() == [64, 64, 64, 64]
    assert (by_image[3] - by_image[0]).tolist() == [48, 48, 48, 48]


def test_anchors_are_not_in_the_state_dict() -> None:
    assert not AnchorGenerator([(32,)], (1.0,), (4,)).state_dict()


def test_unrounded_anchors_have_exact_areas_and_ratios_and_an_offset() -> None:
    generator = AnchorGenerator([(20.0, 33.0)], (0.5, 2.0), (16,), offset=0.5, rounded=False)
    anchors = generator([(2, 3)], (32, 48))[0].view(2, 3, 2, 2, 4)
    sides = anchors[..., 2:] - anchors[..., :2]
    torch.testing.assert_close(sides.prod(-1), torch.tensor([400.0, 1089.0]).expand(2, 3, 2, 2))
    torch.testing.assert_close(sides[..., 1] / sides[..., 0], torch.tensor([[0.5], [2.0]]).expand(2, 3, 2, 2))
    centers = (anchors[..., 2:] + anchors[..., :2]) / 2
    expected = torch.tensor([[[8.0, 8], [24, 8], [40, 8]], [[8, 24], [24, 24], [40, 24]]])
    torch.testing.assert_close(centers, expected[:, :, None, None].expand(2, 3, 2, 2, 2))
