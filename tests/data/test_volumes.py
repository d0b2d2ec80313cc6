"""Volumes whose slices are an image's channels: transforms move every slice, and its part of a map, alike."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hub.contract.sample import Sample
from hub.data.transforms import Transform
from hub.images import ResizeRule, to_rgb
from hub.visual.sample import draw_sample, enlarge

DEPTH = 7


def make_volume() -> Sample:
    random = np.random.default_rng(0)
    classes = random.integers(0, 3, (DEPTH, 40, 60)).astype(np.uint8)
    return Sample(
        image=np.ascontiguousarray((classes * 100).transpose(1, 2, 0)),
        id="a",
        path=Path("a.nii"),
        original_size=(40, 60),
        maps={"semantic": classes, "distance": classes.astype(np.float32)},
    )


def slice_of(volume: Sample, index: int) -> Sample:
    maps = {name: values[index] for name, values in volume.maps.items()}
    return replace(volume, image=volume.image[:, :, index, None], maps=maps)


@pytest.mark.parametrize(
    "step",
    [
        {"name": "horizontal_flip", "p": 1.0},
        {"name": "vertical_flip", "p": 1.0},
        {"name": "resize", "shortest": 30},
        {"name": "resize", "shortest": None},
        {"name": "crop", "p": 1.0},
        {"name": "scale_jitter", "low": 0.5, "high": 0.9, "size": [64, 48]},
        {"name": "random_resized_crop", "size": [32, 24]},
        {"name": "affine", "rotate": 20, "low": 0.8, "high": 1.2},
    ],
    ids=lambda step: step["name"],
)
def test_a_volume_moves_as_its_slices(step: dict[str, Any]) -> None:
    transform, volume = Transform.parse([step]), make_volume()
    moved = transform(volume, 3)
    for index in range(DEPTH):
        expected, found = transform(slice_of(volume, index), 3), slice_of(moved, index)
        np.testing.assert_allclose(found.image.astype(int), expected.image, atol=8)  # OpenCV rounds four at a time
        for name, values in expected.maps.items():
            np.testing.assert_array_equal(found.maps[name], values)


def test_a_rule_without_a_side_keeps_every_size() -> None:
    assert ResizeRule(shortest=None).size(4000, 7) == (4000, 7)
    volume = make_volume()
    assert Transform.resize(ResizeRule(shortest=None))(volume, 0).image.shape == volume.image.shape


def test_the_middle_is_shown() -> None:
    volume = make_volume()
    np.testing.assert_array_equal(to_rgb(volume.image), volume.image[:, :, [DEPTH // 2] * 3])
    large, small = enlarge(volume, 3), slice_of(volume, DEPTH // 2)
    np.testing.assert_array_equal(draw_sample(large, {}), draw_sample(enlarge(small, 3), {}))
